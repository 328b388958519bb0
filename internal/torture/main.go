// Command torture proves what waybill promises about deliveries: it kills, cuts
// and starves the real program at every point that it can find, and has what
// was delivered judged by a checker that shares no code with it. It then makes
// sure that the judge can see, by programs that are wrong on purpose.
//
// It prints a line for every phase, and at last
//
//	kills N losses N duplicates N partials N
//
// and fails unless the last three are zero. What went wrong can be done again:
// every trial has a name, and its random choices come from the seed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

type options struct {
	long     bool
	seed     uint64
	only     string
	dir      string
	parallel int
}

var errFound = errors.New("a promise was broken")

func run(ctx context.Context) error {
	var o options
	flag.BoolVar(&o.long, "long", false, "every kill and every fault, not a choice of them")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().Unix()), "of all random choices")
	flag.StringVar(&o.only, "only", "", "the one trial of this name, or those that begin with it")
	flag.StringVar(&o.dir, "dir", "", "where to work; the default is a temporary directory, which stays if something is found")
	flag.IntVar(&o.parallel, "parallel", 2*runtime.GOMAXPROCS(0), "how many trials go on side by side")
	flag.Parse()
	root, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "waybill-torture-"); err != nil {
			return err
		}
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	fmt.Printf("seed %d\n", o.seed)
	w, err := newWorld(ctx, filepath.Dir(strings.TrimSpace(string(root))), o.dir, o.seed)
	if w != nil {
		defer w.close()
	}
	if err != nil {
		return err
	}
	err = torture(ctx, w, o)
	if err == nil {
		w.close()
		err = os.RemoveAll(o.dir)
	}
	return err
}

func torture(ctx context.Context, w *world, o options) error {
	s := &score{out: os.Stdout, world: w, options: o}
	recs, err := s.record(ctx)
	if err != nil {
		return err
	}
	var side sideShow
	side.start(ctx, s, recs)
	for _, p := range phases(recs) {
		n := p.short
		if o.long || o.only != "" {
			n = len(p.plans)
		}
		if err := s.phase(ctx, p.name, w.choose(p, n), 0, w.attempt); err != nil {
			return err
		}
	}
	if err := side.wait(); err != nil {
		return err
	}
	if err := s.sabotage(ctx, recs); err != nil {
		return err
	}
	return s.end()
}
