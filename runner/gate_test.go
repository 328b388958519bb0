package runner_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"waybill/runner"
)

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := runner.NewGate(1)
		if err := g.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		var entered atomic.Int64
		for range 3 {
			go func() {
				if err := g.Enter(t.Context()); err != nil {
					t.Error(err)
				}
				entered.Add(1)
			}()
		}
		synctest.Wait()
		if n := entered.Load(); n != 0 {
			t.Fatalf("%d entered a full gate", n)
		}
		g.SetLimit(2)
		synctest.Wait()
		if n := entered.Load(); n != 1 {
			t.Fatalf("%d entered when one more had room", n)
		}
		g.Leave()
		g.Leave()
		synctest.Wait()
		if n := entered.Load(); n != 3 {
			t.Fatalf("%d entered in the end", n)
		}
		why := errors.New("why")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		if err := g.Enter(ctx); !errors.Is(err, why) {
			t.Errorf("Enter() = %v, want %v", err, why)
		}
	})
}
