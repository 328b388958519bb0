package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/runner"
	"waybill/runner/compile"
	"waybill/runner/state"
	"waybill/sinks"
)

// runView shows a run as it goes.
type runView interface {
	event(runner.Event)
	close()
}

func (a *app) runView(p *compile.Pipeline, show runShow) runView {
	if show.json {
		enc := json.NewEncoder(a.out)
		enc.SetEscapeHTML(false)
		return &jsonView{enc: enc}
	}
	v := &textView{out: a.out, style: a.style, pipeline: p, verbose: show.verbose, began: map[string]time.Time{}}
	for _, s := range p.Steps {
		v.width = max(v.width, len(s.Name))
	}
	if a.tty {
		v.bars = &barView{progress: mpb.New(mpb.WithOutput(a.out), mpb.WithWidth(40)), by: map[string]*mpb.Bar{}, phase: map[string]string{}}
		v.out = v.bars.progress
	}
	return v
}

// jsonView prints one object an event.
type jsonView struct {
	mu  sync.Mutex
	enc *json.Encoder
}

func (v *jsonView) event(e runner.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	_ = v.enc.Encode(e)
}

func (v *jsonView) close() {}

// textView prints one line a change of state. On a terminal it also has bars
// for what is under way, below the lines.
type textView struct {
	mu       sync.Mutex
	out      io.Writer
	style    diag.Style
	pipeline *compile.Pipeline
	width    int
	verbose  bool
	began    map[string]time.Time
	problems []*problem.Problem // of the steps that failed
	bars     *barView
}

func (v *textView) event(e runner.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e.Kind {
	case runner.RunStarted:
		v.printf("%s · slot %s · run %s\n", v.style.Bold(e.Pipeline), when(e.Slot, v.pipeline.Location), e.Run)
	case runner.StepProgress:
		if v.bars != nil {
			v.bars.progressed(v.label(e.Step), e)
		}
	case runner.StepChanged:
		if v.bars != nil && e.Status != state.Running {
			v.bars.done(e.Step)
		}
		v.step(e)
	case runner.RunFinished:
		v.finished(e)
	}
}

func (v *textView) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(v.out, format, args...)
}

func (v *textView) label(address string) string {
	family, name, _ := strings.Cut(address, ".")
	return fmt.Sprintf("%-9s %-*s", family, v.width, name)
}

func (v *textView) step(e runner.Event) {
	line := "  " + v.label(e.Step) + " "
	switch e.Status {
	case state.Running:
		if v.bars == nil && e.Attempt > 1 {
			v.printf("%s … attempt %d\n", line, e.Attempt)
		}
	case state.Succeeded:
		if e.Problem != nil { // a check that only warns
			v.printf("%s %s %s  [%s]\n", line, v.style.Yellow("!"), e.Problem.Summary, e.Problem.Code)
			return
		}
		v.printf("%s\n", strings.TrimRight(fmt.Sprintf("%s %s %s", line, v.style.Green("✓"), v.facts(e)), " "))
		v.notes(e)
		for _, o := range shown(e.Objects) {
			v.printf("delivered  %s   %s  %s  %s\n", v.style.Bold(o.URL), holds(o), size(o.Size), shortChecksum(o.Checksum, o.SHA256))
		}
		if more := len(e.Objects) - len(shown(e.Objects)); more > 0 {
			v.printf("           and %s more; `waybill runs show` lists them\n", plural(more, "file"))
		}
	case state.Retrying:
		v.printf("%s %s attempt %d failed: %s  [%s], next try %s\n", line, v.style.Yellow("↻"), e.Attempt, e.Problem.Summary, e.Problem.Code, e.NextTry.Local().Format(time.TimeOnly))
	case state.Failed:
		v.printf("%s %s %s  [%s]\n", line, v.style.Red("✗"), e.Problem.Summary, e.Problem.Code)
		v.problems = append(v.problems, e.Problem)
	case state.ConditionOff:
		v.printf("%s %s %s\n", line, v.style.Yellow("○"), withReason("not met", e.Reason))
	case state.Skipped, state.Cancelled:
		v.printf("%s %s %s\n", line, v.style.Faint("–"), v.style.Faint(withReason(string(e.Status), e.Reason)))
	}
}

// notes are lines of their own below a step's, where the eye looks for the next.
func (v *textView) notes(e runner.Event) {
	for _, n := range e.Notes {
		if v.verbose {
			v.printf("  %s   %s\n", v.label(""), v.style.Faint("· "+n))
		}
	}
}

// mostShown is how many files of a delivery are listed while it runs.
const mostShown = 20

// shown are the files to list: the first ones, manifest and success file.
func shown(all []sinks.Object) []sinks.Object {
	if len(all) <= mostShown {
		return all
	}
	out := slices.Clone(all[:mostShown])
	for _, o := range all[mostShown:] {
		if o.Role != "" {
			out = append(out, o)
		}
	}
	return out
}

// holds says what is in a delivered file.
func holds(o sinks.Object) string {
	switch o.Role {
	case sinks.Manifest:
		return "manifest"
	case sinks.Success:
		return "success file"
	}
	return rows(o.Rows)
}

// withReason is "skipped: no rows".
func withReason(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

// facts is what is worth knowing about a step that is done.
func (v *textView) facts(e runner.Event) string {
	amount := ""
	if e.Rows != nil {
		amount = rows(*e.Rows)
	} else if e.Columns > 0 {
		amount = plural(e.Columns, "column")
	}
	volume := ""
	if e.Bytes > 0 {
		volume = size(e.Bytes)
	}
	parts := []string{fmt.Sprintf("%16s   %7s", amount, volume)}
	if e.Method != "" {
		parts = append(parts, e.Method)
	}
	if e.Reason != "" {
		parts = append(parts, e.Reason)
	}
	if e.Scanned > 0 && e.Scanned != e.Bytes {
		parts = append(parts, "scanned "+size(e.Scanned))
	}
	if e.Identity != "" {
		parts = append(parts, "as "+e.Identity)
	}
	if e.Reused {
		parts = append(parts, "done before")
	} else if e.Millis >= 50 {
		parts = append(parts, shortDuration(time.Duration(e.Millis)*time.Millisecond))
	}
	return strings.TrimRight(strings.Join(parts, "   "), " ")
}

func (v *textView) finished(e runner.Event) {
	took := shortDuration(time.Duration(e.Millis) * time.Millisecond)
	switch e.Status {
	case state.Succeeded:
		v.printf("%s in %s\n", v.style.Green("succeeded"), took)
	case state.ConditionOff:
		v.printf("%s in %s: a condition is not met\n", v.style.Green("nothing to deliver"), took)
	case state.Skipped:
		v.printf("%s after %s: nothing is delivered\n", v.style.Yellow("skipped"), took)
	case state.Cancelled:
		v.printf("%s after %s; `waybill runs retry %s` goes on where it stopped\n", v.style.Yellow("cancelled"), took, e.Run)
	default:
		v.printf("%s after %s\n\n", v.style.Red(string(e.Status)), took)
		for _, p := range v.causes(e.Problem) {
			v.printf("%s\n", problemText(p, v.style))
		}
		v.printf("`waybill runs retry %s` goes on with what is done; with --fresh it starts over from the current files.\n", e.Run)
	}
}

// causes are the problems to explain: those of the steps that failed, or else
// the run's own.
func (v *textView) causes(run *problem.Problem) []*problem.Problem {
	if len(v.problems) > 0 || run == nil {
		return v.problems
	}
	return []*problem.Problem{run}
}

func (v *textView) close() {
	if v.bars != nil {
		v.bars.close()
	}
}

// shortChecksum is the beginning of the checksum that the destination
// computed, or of our own.
func shortChecksum(theirs, ours string) string {
	kind, sum, ok := strings.Cut(theirs, ":")
	if !ok {
		kind, sum = "sha256", ours
	}
	if len(sum) > 8 {
		sum = sum[:8] + "…"
	}
	return kind + " " + sum
}

// barView is the bars of the steps that are under way.
type barView struct {
	progress *mpb.Progress
	by       map[string]*mpb.Bar
	phase    map[string]string // of the step's bar
}

func (b *barView) progressed(label string, e runner.Event) {
	if b.phase[e.Step] != e.Phase { // another phase counts something else
		b.done(e.Step)
		b.phase[e.Step] = e.Phase
	}
	bar := b.by[e.Step]
	if bar == nil {
		phase := e.Phase
		decorators := []decor.Decorator{decor.Name(" " + phase)}
		if phase == "sending" || phase == "downloading" {
			decorators = append(decorators, decor.Counters(decor.SizeB1000(0), "  % .1f / % .1f"), decor.AverageSpeed(decor.SizeB1000(0), "  % .1f"))
		}
		bar = b.progress.New(max(e.Total, 1), mpb.BarStyle().Lbound(" ").Filler("━").Tip("╸").Padding("·").Rbound(" "),
			mpb.PrependDecorators(decor.Name("  "+label)), mpb.AppendDecorators(decorators...), mpb.BarRemoveOnComplete())
		b.by[e.Step] = bar
	}
	if e.Total > 0 {
		bar.SetTotal(e.Total, false)
	}
	bar.SetCurrent(e.Done)
}

func (b *barView) done(step string) {
	if bar := b.by[step]; bar != nil {
		bar.Abort(true)
		delete(b.by, step)
	}
}

func (b *barView) close() {
	for step := range b.by {
		b.done(step)
	}
	b.progress.Wait()
}
