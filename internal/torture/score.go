package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"waybill/internal/torture/check"
)

// A score adds up outcomes and tells of them.
type score struct {
	out     io.Writer
	world   *world
	options options

	mu    sync.Mutex
	total tally
}

type tally struct{ trials, kills, losses, duplicates, partials, strays int }

func (t *tally) add(o outcome) {
	t.trials++
	t.kills += o.kills
	t.losses += len(o.verdict.Losses)
	t.duplicates += len(o.verdict.Duplicates)
	t.partials += len(o.verdict.Partials)
	t.strays += o.verdict.Strays
}

func (t *tally) join(o tally) {
	t.trials += o.trials
	t.kills += o.kills
	t.losses += o.losses
	t.duplicates += o.duplicates
	t.partials += o.partials
	t.strays += o.strays
}

// record runs every flow once with nothing done to it.
func (s *score) record(ctx context.Context) ([]recording, error) {
	var recs []recording
	for _, f := range s.world.flows() {
		began := time.Now()
		requests, commits, out := s.world.record(ctx, f)
		if out.err != nil || !out.verdict.Clean() {
			s.tell(out)
			return nil, fmt.Errorf("the flow %s fails by itself: see %s", f.name, out.dir)
		}
		recs = append(recs, newRecording(f, requests, commits, time.Since(began)))
		fmt.Fprintf(s.out, "%-12s %-10s %3d requests %3d commits  %.1f s\n", "record", f.name, len(requests), commits, time.Since(began).Seconds())
	}
	return recs, nil
}

// phase carries out plans, so many side by side (0: as the options say), and
// tells what came of them.
func (s *score) phase(ctx context.Context, name string, plans []plan, parallel int, do func(context.Context, plan) outcome) error {
	var chosen []plan
	for _, p := range plans {
		if strings.HasPrefix(p.name, s.options.only) {
			chosen = append(chosen, p)
		}
	}
	if len(chosen) == 0 {
		return nil
	}
	began := time.Now()
	var t tally
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(parallel, s.options.parallel))
	for _, p := range chosen {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			out := do(ctx, p)
			s.mu.Lock()
			defer s.mu.Unlock()
			t.add(out)
			s.tell(out)
			if out.err != nil {
				return fmt.Errorf("%s: %w", p.name, out.err)
			}
			return nil
		})
	}
	err := group.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total.join(t)
	fmt.Fprintf(s.out, "%-12s %4d trials %4d kills %3d losses %3d duplicates %3d partials  %.1f s\n", name, t.trials, t.kills, t.losses, t.duplicates, t.partials, time.Since(began).Seconds())
	return err
}

// tell says what is wrong with one outcome, and how to have it again.
func (s *score) tell(out outcome) {
	if out.err == nil && out.verdict.Clean() || errors.Is(out.err, context.Canceled) {
		return // or it was cut short, by another that failed or by Ctrl-C
	}
	fmt.Fprintf(s.out, "\n%s\n", out.plan.name)
	if out.err != nil {
		fmt.Fprintf(s.out, "  error      %v\n", out.err)
	}
	said(s.out, out.verdict)
	fmt.Fprintf(s.out, "  files      %s\n  again      go run ./internal/torture -seed %d -only %q\n\n", out.dir, s.world.seed, out.plan.name)
}

func said(w io.Writer, v check.Verdict) {
	for _, l := range v.Losses {
		fmt.Fprintf(w, "  loss       %s\n", l)
	}
	for _, l := range v.Duplicates {
		fmt.Fprintf(w, "  duplicate  %s\n", l)
	}
	for _, l := range v.Partials {
		fmt.Fprintf(w, "  partial    %s\n", l)
	}
}

// end writes the last line.
func (s *score) end() error {
	if s.total.strays > 0 {
		fmt.Fprintf(s.out, "empty uploads that nobody could know of: %d\n", s.total.strays)
	}
	t := s.total
	fmt.Fprintf(s.out, "kills %d losses %d duplicates %d partials %d\n", t.kills, t.losses, t.duplicates, t.partials)
	if t.losses+t.duplicates+t.partials > 0 {
		return errFound
	}
	return nil
}
