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
// in bytes.
type peak struct {
	// rss is the sum of their resident sets: what several share, as the program's
	// text, counts once for each.
	rss int64
	// pss shares that out among them.
	pss int64
	// largest is the resident set of the largest of them.
	largest int64
}

// sample looks at the tree of a process every few milliseconds, and less often
// at what is shared, which costs more, until done is closed.
func sample(pid int, done <-chan struct{}) peak {
	var p peak
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		var rss, pss int64
		for _, one := range tree(pid) {
			r := resident(one)
			rss, p.largest = rss+r, max(p.largest, r)
			if n%25 == 0 {
				pss += proportional(one)
			}
		}
		p.rss, p.pss = max(p.rss, rss), max(p.pss, pss)
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

// resident is how much of a process is in memory; zero if it is gone.
func resident(pid int) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid)) // nothing, if it is gone
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64) // the kernel writes numbers
	return pages * int64(os.Getpagesize())
}

// proportional is the same, with what several share divided by their number.
func proportional(pid int) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)) // nothing, if it is gone
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "Pss:" {
			kb, _ := strconv.ParseInt(fields[1], 10, 64) // the kernel writes numbers
			return kb * 1024
		}
	}
	return 0
}
