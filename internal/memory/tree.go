package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A peak is the most memory that a process and its descendants had at a time,
// in bytes. All of them run the same program.
type peak struct {
	// tree is what all of them have in memory: their own pages, and those of files
	// once, of whom has most of them. It is what the machine has to have.
	tree int64
	// sum is the sum of their resident sets, in which the program's text counts
	// once for each.
	sum     int64
	largest int64 // the resident set of the largest of them
}

// sample looks at the tree of a process every few milliseconds until done is
// closed.
func sample(pid int, done <-chan struct{}) peak {
	var p peak
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var own, files, sum int64
		for _, one := range tree(pid) {
			o, f := resident(one)
			own, files, sum, p.largest = own+o, max(files, f), sum+o+f, max(p.largest, o+f)
		}
		p.tree, p.sum = max(p.tree, own+files), max(p.sum, sum)
		select {
		case <-done:
			return p
		case <-tick.C:
		}
	}
}

// tree lists a process and all its descendants.
func tree(pid int) []int {
	out := []int{pid}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is a good one
	for _, list := range lists {
		text, _ := os.ReadFile(list) // the thread may be gone
		for _, child := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(child); err == nil {
				out = append(out, tree(n)...)
			}
		}
	}
	return out
}

// resident is how much of a process is in memory: pages of its own, and pages of
// files, which others may share. Both are zero if it is gone.
func resident(pid int) (own, files int64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // nothing, if it is gone
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kb, _ := strconv.ParseInt(fields[1], 10, 64) // other lines have none
		switch fields[0] {
		case "RssAnon:", "RssShmem:":
			own += kb * 1024
		case "RssFile:":
			files = kb * 1024
		}
	}
	return own, files
}
