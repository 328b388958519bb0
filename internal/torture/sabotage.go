package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"waybill/internal/torture/proxy"
)

// A crime is a program that is wrong on purpose: see overlay.go.
type crime struct {
	sabotage string
	flow     string
	rule     proxy.Rule // zero: none
}

var crimes = []crime{
	{"receipt-first", "single", proxy.Rule{Op: "PutObject", From: 1, Do: proxy.KillBefore}},
	{"receipt-first", "parts", proxy.Rule{Op: "UploadPart", From: 2, Do: proxy.KillAfter}},
	{"ledger-skipped", "parts", proxy.Rule{Op: "UploadPart", From: 2, Do: proxy.KillAfter}},
	{"ledger-skipped", "single", proxy.Rule{Op: "PutObject", From: 1, Do: proxy.KillAfter}},
	{"manifest-first", "files", proxy.Rule{Op: "PutObject", From: 2, Do: proxy.KillBefore}},
	{"manifest-first", "partitions-again", proxy.Rule{}}, // nothing need go wrong
	{"success-kept", "partitions-again", proxy.Rule{Op: "PutObject", From: 3, Do: proxy.KillAfter}},
	{"success-kept", "files-again", proxy.Rule{}},
	{"stale-kept", "files-again", proxy.Rule{}},
	{"fired-twice", "scheduled", proxy.Rule{Op: "PutObject", From: 1, Do: proxy.KillBefore}},
}

func (c crime) rules() []proxy.Rule {
	if c.rule == (proxy.Rule{}) {
		return nil
	}
	return []proxy.Rule{c.rule}
}

// sabotage makes sure that each crime is found.
func (s *score) sabotage(ctx context.Context, recs []recording) error {
	for _, c := range crimes {
		for _, r := range recs {
			name := "sabotage/" + c.sabotage + "/" + c.flow
			if r.flow.name != c.flow || !strings.HasPrefix(name, s.options.only) {
				continue
			}
			began := time.Now()
			out := s.world.attempt(ctx, plan{name: name, flow: r.flow, sabotage: c.sabotage, rules: c.rules()})
			if out.err != nil {
				return fmt.Errorf("%s: %w", out.plan.name, out.err)
			}
			v := out.verdict
			fmt.Fprintf(s.out, "%-12s %-24s caught: %d losses %d duplicates %d partials  %.1f s\n", "sabotage", c.sabotage+" "+c.flow, len(v.Losses), len(v.Duplicates), len(v.Partials), time.Since(began).Seconds())
			if v.Clean() {
				return fmt.Errorf("a program that is wrong on purpose (%s) was not found out by %s: what is found elsewhere proves nothing", c.sabotage, c.flow)
			}
		}
	}
	return nil
}
