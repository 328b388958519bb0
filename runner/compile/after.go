package compile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/budget"
	"waybill/internal/diag"
	"waybill/internal/schema"
	"waybill/runner/dag"
)

// pipelineNames is `pipeline` for attributes that name pipelines.
func pipelineNames(blocks []expanded) cty.Value {
	values := map[string]cty.Value{}
	for _, b := range blocks {
		base := b.block.Labels[0]
		if len(b.instances) == 1 && b.instances[0].each == nil {
			values[base] = schema.PipelineRef(base)
			continue
		}
		keyed := map[string]cty.Value{}
		for _, one := range b.instances {
			keyed[one.key] = schema.PipelineRef(base + one.suffix())
		}
		if len(keyed) == 0 {
			values[base] = cty.MapValEmpty(schema.PipelineRef("").Type())
			continue
		}
		values[base] = cty.MapVal(keyed)
	}
	return cty.ObjectVal(values)
}

// order checks what pipelines say about each other.
func (w *workspace) order() hcl.Diagnostics {
	var diags hcl.Diagnostics
	graph := dag.New[string]()
	for _, p := range w.g.Pipelines {
		graph.AddNode(p.Name)
		for _, name := range p.After {
			if w.g.Pipeline(name) == nil { // a text in JSON; other references are checked where they are read
				diags = append(diags, diag.Error("unknown-reference", p.afterRange, fmt.Sprintf("no pipeline is called %s", quoted(name)), strings.TrimSpace(w.suggestPipeline(name))))
				continue
			}
			graph.AddEdge(name, p.Name)
		}
	}
	sorted, err := graph.Sort()
	var cycle *dag.CycleError[string]
	if errors.As(err, &cycle) {
		return append(diags, diag.Error("cycle", w.g.Pipeline(cycle.Path[0]).afterRange, "pipelines wait for each other in a circle",
			strings.Join(append(slices.Clone(cycle.Path), cycle.Path[0]), " → ")+". One of them must not come after the one before it."))
	}
	if diags.HasErrors() {
		return diags
	}
	return append(diags, w.meetings(sorted)...)
}

// suggestPipeline suggests the pipeline that a name may have meant.
func (w *workspace) suggestPipeline(name string) string {
	if !budget.Of(w.scope.Eval).Compare(len(w.g.Pipelines)) {
		return ""
	}
	return diag.Suggest(name, w.g.Names())
}

// firing tells when a pipeline fires next after a time; ok is false if it never
// does. It is nil for one that is only run by hand, which may be at any time.
type firing func(after time.Time) (next time.Time, ok bool)

// meetings refuses a pipeline that waits for schedules which never coincide.
func (w *workspace) meetings(sorted []string) hcl.Diagnostics {
	var diags hcl.Diagnostics
	fires := map[string]firing{}
	for _, name := range sorted { // each after those it waits for
		p := w.g.Pipeline(name)
		if len(p.Triggers) > 0 {
			fires[name] = p.ScheduleSet().Next
			continue
		}
		var all []firing
		for _, up := range p.After {
			if f := fires[up]; f != nil {
				all = append(all, f)
			}
		}
		if len(all) == 0 {
			continue
		}
		fires[name] = together(all)
		if _, ok := fires[name](testedFrom); !ok && len(all) > 1 {
			diags = append(diags, diag.Error("never-together", p.afterRange, fmt.Sprintf("pipeline %s would never run: those it comes after have no slot in common", quoted(name)),
				fmt.Sprintf("It takes the slots for which all of %s have succeeded, and their schedules never name the same time. Give them one schedule, or give this pipeline a schedule of its own: then it runs at its own times, if all of them have succeeded since.", strings.Join(p.After, ", "))))
		}
	}
	return diags
}

// Bounds of the search for a common slot: schedules that meet do so within
// these, but for those that meet on a leap day of a certain weekday.
const (
	meetWithin = 5 * 366 * 24 * time.Hour
	meetTries  = 50_000
)

// together fires when all do.
func together(all []firing) firing {
	if len(all) == 1 {
		return all[0]
	}
	return func(after time.Time) (time.Time, bool) {
		end := after.Add(meetWithin)
		at, ok := all[0](after)
		for tries, agreed := 0, 1; ok && at.Before(end) && tries < meetTries; tries++ {
			if agreed == len(all) {
				return at, true
			}
			next, found := all[(tries+1)%len(all)](at.Add(-time.Second))
			switch {
			case !found:
				return time.Time{}, false
			case next.Equal(at):
				agreed++
			default:
				at, agreed = next, 1
			}
		}
		return time.Time{}, false
	}
}
