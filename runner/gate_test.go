package runner_test

import (
	"context"
	"errors"
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
		entered := 0
		for range 3 {
			go func() {
				if err := g.Enter(t.Context()); err != nil {
					t.Error(err)
				}
				entered++
			}()
		}
		synctest.Wait()
		if entered != 0 {
			t.Fatalf("%d entered a full gate", entered)
		}
		g.SetLimit(2)
		synctest.Wait()
		if entered != 1 {
			t.Fatalf("%d entered when one more had room", entered)
		}
		g.Leave()
		g.Leave()
		synctest.Wait()
		if entered != 3 {
			t.Fatalf("%d entered in the end", entered)
		}
		why := errors.New("why")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		if err := g.Enter(ctx); !errors.Is(err, why) {
			t.Errorf("Enter() = %v, want %v", err, why)
		}
	})
}
