package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"waybill/internal/torture/proxy"
)

// A recording is what a clean run of a flow does.
type recording struct {
	flow     flow
	ops      []op // every request
	commits  int
	duration time.Duration
}

// An op is the n-th request of its kind.
type op struct {
	name string
	n    int
}

func newRecording(f flow, requests []proxy.Request, commits int, took time.Duration) recording {
	r := recording{flow: f, commits: commits, duration: took}
	seen := map[string]int{}
	for _, q := range requests {
		seen[q.Op]++
		r.ops = append(r.ops, op{q.Op, seen[q.Op]})
	}
	return r
}

// uploads are the operations that a delivery consists of.
var uploads = []string{"PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "DeleteObject"}

func (o op) isUpload() bool { return slices.Contains(uploads, o.name) }

// A phase is a set of plans of one kind.
type phase struct {
	name     string
	plans    []plan
	short    int // how many of them the short form takes
	parallel int // how many go on side by side; 0: as the options say
}

func phases(recs []recording) []phase {
	return []phase{
		{name: "requests", plans: requestKills(recs), short: 30},
		{name: "commits", plans: commitKills(recs), short: 25},
		{name: "twice", plans: doubleKills(recs), short: 6},
		{name: "network", plans: networkFaults(recs), short: 18},
		{name: "anytime", plans: randomKills(recs), short: 8},
		{name: "interrupts", plans: interrupts(recs), short: 6},
		{name: "engine", plans: engineKills(recs), short: 3},
		{name: "spool", plans: spoiltSpools(recs), short: 4},
		{name: "again", plans: reruns(recs), short: 4},
	}
}

// requestKills kill before, within and after every request.
func requestKills(recs []recording) (out []plan) {
	for _, r := range recs {
		for _, o := range r.ops {
			deeds := []proxy.Deed{proxy.KillBefore, proxy.KillAfter}
			if o.name == "PutObject" || o.name == "UploadPart" {
				deeds = append(deeds, proxy.KillMid)
			}
			if o.name == "CompleteMultipartUpload" || o.name == "GetObject" {
				deeds = append(deeds, proxy.KillAnswer)
			}
			for _, d := range deeds {
				rule := proxy.Rule{Op: o.name, From: o.n, Do: d}
				out = append(out, plan{name: fmt.Sprintf("requests/%s/%s", r.flow.name, rule), flow: r.flow, rules: []proxy.Rule{rule}, serve: len(out)%3 == 0})
			}
		}
	}
	return out
}

// commitKills kill before and after every commit of the state.
func commitKills(recs []recording) (out []plan) {
	for _, r := range recs {
		for n := 1; n <= r.commits; n++ {
			for _, when := range []string{"before", "after"} {
				at := fmt.Sprintf("%s %d", when, n)
				out = append(out, plan{name: fmt.Sprintf("commits/%s/%s", r.flow.name, at), flow: r.flow, crash: at, serve: len(out)%3 == 0})
			}
		}
	}
	return out
}

// doubleKills kill whoever goes on as well.
func doubleKills(recs []recording) (out []plan) {
	for _, r := range recs {
		for _, first := range r.ops {
			for _, second := range r.ops {
				if r.flow.scheduled || !first.isUpload() || !second.isUpload() {
					continue
				}
				a, b := proxy.Rule{Op: first.name, From: first.n, Do: proxy.KillAfter}, proxy.Rule{Op: second.name, From: second.n, Do: proxy.KillAfter}
				out = append(out, plan{name: fmt.Sprintf("twice/%s/%s, %s", r.flow.name, a, b), flow: r.flow, rules: []proxy.Rule{a}, again: []proxy.Rule{b}})
			}
		}
	}
	return out
}

// networkFaults do to requests what networks and services do.
func networkFaults(recs []recording) (out []plan) {
	deeds := []proxy.Rule{
		{Do: proxy.CutBefore}, {Do: proxy.CutMid}, {Do: proxy.CutAfter}, {Do: proxy.CutAnswer}, {Do: proxy.CutAfter, Times: 4}, {Do: proxy.Repeat}, {Do: proxy.Delay, Delay: 700 * time.Millisecond},
		{Do: proxy.Answer, Status: 500, Code: "InternalError"}, {Do: proxy.Answer, Status: 503, Code: "SlowDown"}, {Do: proxy.Answer, Status: 503, Code: "ServiceUnavailable", Times: 4},
		{Do: proxy.Answer, Status: 409, Code: "ConditionalRequestConflict"}, {Do: proxy.Answer, Status: 412, Code: "PreconditionFailed"}, {Do: proxy.Answer, Status: 403, Code: "ExpiredToken"},
	}
	for _, r := range recs {
		for _, o := range r.ops {
			if !o.isUpload() && o.name != "StartQueryExecution" && o.name != "AssumeRole" {
				continue
			}
			for _, rule := range deeds {
				rule.Op, rule.From = o.name, o.n
				out = append(out, plan{name: fmt.Sprintf("network/%s/%s", r.flow.name, rule), flow: r.flow, rules: []proxy.Rule{rule}})
			}
		}
	}
	return out
}

// randomKills kill whenever it pleases the dice.
func randomKills(recs []recording) (out []plan) {
	for n := range 40 {
		for _, r := range recs {
			out = append(out, plan{name: fmt.Sprintf("anytime/%s/%d", r.flow.name, n+1), flow: r.flow, anytime: r.duration + 100*time.Millisecond, serve: n%2 == 0, wait: n%20 == 19})
		}
	}
	return out
}

func countLines(path string) (n int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // only read
	for in := bufio.NewScanner(f); in.Scan(); {
		n++
	}
	return n, nil
}

// choose takes n plans by the seed, of each flow as many as of any other. Those
// that concern an upload come first.
func (w *world) choose(p phase, n int) []plan {
	order := w.random(p.name).Perm(len(p.plans))
	byFlow := map[string][]plan{}
	var names []string
	for _, i := range order {
		name := p.plans[i].flow.name
		if byFlow[name] == nil {
			names = append(names, name)
		}
		byFlow[name] = append(byFlow[name], p.plans[i])
	}
	slices.Sort(names)
	for _, name := range names {
		slices.SortStableFunc(byFlow[name], func(a, b plan) int { return rank(a) - rank(b) })
	}
	var out []plan
	for len(out) < min(n, len(p.plans)) {
		for _, name := range names {
			if left := byFlow[name]; len(left) > 0 && len(out) < n {
				out, byFlow[name] = append(out, left[0]), left[1:]
			}
		}
	}
	return out
}

// rank is 0 for most plans about uploads, so that the short form has many of
// them and some of the others.
func rank(p plan) int {
	for _, name := range uploads {
		if strings.Contains(p.name, name) {
			return 0
		}
	}
	return 1
}

func (w *world) attempt(ctx context.Context, p plan) outcome {
	if p.flow.scheduled {
		return w.trySchedule(ctx, p)
	}
	return w.try(ctx, p)
}
