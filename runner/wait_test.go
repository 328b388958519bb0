package runner_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"waybill/runner"
	"waybill/runner/state"
)

func waitsProject(t *testing.T, attrs string) *project {
	return askedProject(t, "wait_for \"file\" \"done\" {\n    path = \"in/${run.date}/_SUCCESS\"\n    poll = \"1s\"\n    "+attrs+"\n  }", "id\n1\n")
}

const marker = "in/2026-01-31/_SUCCESS"

func TestWaitFor(t *testing.T) {
	for _, tt := range []struct {
		name, attrs string
		there       bool
		status      state.Status
		wait        state.Status
	}{
		{"it is there", "", true, state.Succeeded, state.Succeeded},
		{"fail", `timeout = "0s"`, false, state.Failed, state.Failed},
		{"skip", "timeout = \"0s\"\n    on_timeout = \"skip\"", false, state.Skipped, state.Skipped},
		{"continue", "timeout = \"0s\"\n    on_timeout = \"continue\"", false, state.Succeeded, state.Skipped},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := waitsProject(t, tt.attrs)
			if tt.there {
				p.write(marker, "")
			}
			r := p.run()
			steps := p.statuses(r.ID)
			if r.Status != tt.status || steps["wait_for.done"] != tt.wait {
				t.Fatalf("the run is %s (%s, %v), its wait %s", r.Status, r.Reason, r.Problem, steps["wait_for.done"])
			}
			want := state.Skipped
			if tt.status == state.Succeeded {
				want = state.Succeeded
			}
			for _, address := range []string{"source.orders", "sink.out"} {
				if steps[address] != want {
					t.Errorf("%s is %s, want %s", address, steps[address], want)
				}
			}
			switch tt.status {
			case state.Failed:
				if r.Problem.Code != "wait-timeout" || !strings.Contains(r.Problem.Summary, marker) || !strings.HasPrefix(r.Problem.Where, "main.hcl:") {
					t.Errorf("the problem is %+v", r.Problem)
				}
			case state.Skipped:
				if r.Reason != "wait_for.done: what it waited for did not come" {
					t.Errorf("the reason is %q", r.Reason)
				}
			}
		})
	}
}

// What comes while the run waits is taken, and a run that is interrupted while
// it waits goes on waiting.
func TestWaitForComes(t *testing.T) {
	p := waitsProject(t, "")
	id := p.create().ID
	ctx, stop := context.WithCancelCause(t.Context())
	errStopped := errors.New("stopped")
	p.Events = func(e runner.Event) {
		if e.Kind == runner.StepProgress && e.Step == "wait_for.done" {
			stop(errStopped)
		}
	}
	if _, err := p.execute(ctx, id); !errors.Is(err, errStopped) {
		t.Fatalf("the interrupted run ended with %v", err)
	}
	if got := p.statuses(id)["wait_for.done"]; got != state.Running {
		t.Fatalf("the wait is %s", got)
	}
	p.Events = func(e runner.Event) {
		if e.Kind == runner.StepProgress && e.Step == "wait_for.done" {
			p.write(marker, "")
		}
	}
	r, err := p.execute(t.Context(), id)
	if err != nil || r.Status != state.Succeeded {
		t.Errorf("the run ended as %s, %v, %v", r.Status, r.Problem, err)
	}
}
