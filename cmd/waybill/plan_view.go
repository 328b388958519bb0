package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"waybill/internal/problem"
	"waybill/internal/proof"
	"waybill/runner/compile"
	"waybill/runner/plan"
	"waybill/runner/review"
)

// A planLine is one line of a plan: what it means stands in its mark, which
// colours it on a terminal and in a pull request's comment.
type planLine struct {
	mark byte // '+', '-', '~', '!' for what stands in the way, '?' for a doubt, '=' for what is proven, '#' for a heading, ' '
	text string
}

// planView puts a plan on lines.
type planView struct {
	lines []planLine
	out   *planned
}

func (v *planView) line(mark byte, format string, args ...any) {
	v.lines = append(v.lines, planLine{mark, strings.TrimRight(fmt.Sprintf(format, args...), " ")})
}

// planLines is the whole plan but for diagnostics, which have places to show.
func planLines(out *planned) []planLine {
	v := &planView{out: out}
	if out.Incomparable != "" {
		v.line('?', "%s", sentenceOf(out.Incomparable))
	}
	if out.Changes != nil {
		v.changes(*out.Changes)
	}
	for _, p := range out.Plans {
		v.plan(p)
	}
	return v.lines
}

func sentenceOf(clause string) string { return strings.ToUpper(clause[:1]) + clause[1:] + "." }

func (v *planView) changes(c review.Changes) {
	for _, b := range c.Blocks {
		used := ""
		if len(b.UsedBy) > 0 {
			used = "   used by " + some(b.UsedBy, 3)
		}
		v.line('#', "%s   %s%s", b.Address, b.Kind, used)
		v.each(b.Changes, b.Kind == review.Added || b.Kind == review.Removed)
	}
	for _, p := range c.Pipelines {
		v.changed(p)
	}
	if c.Empty() {
		v.line(' ', "Nothing changed since %s.", v.out.Against)
	}
}

func (v *planView) changed(p review.Pipeline) {
	title := "pipeline " + p.Name
	if len(p.Alike) > 0 {
		title += " and " + some(p.Alike, 3)
	}
	switch p.Kind {
	case review.Moved:
		v.line('#', "pipeline %s   moved → %s (its history goes on)", p.Was, p.Name)
	case review.Removed:
		v.line('#', "%s   removed: it runs no more, and what it delivered stays", title)
		if p.Renamed != "" {
			v.line('?', "    it looks like %s. If that is its new name, say so, or its history, its baselines and what it has delivered are forgotten:", p.Renamed)
			for line := range strings.SplitSeq(movedBlock(p.Name, p.Renamed), "\n") {
				v.line(' ', "      %s", line)
			}
		}
	default:
		v.line('#', "%s   %s", title, p.Kind)
	}
	if p.Like != "" {
		v.line(' ', "  it differs from %s by no more than this:", p.Like)
	}
	if p.Kind == review.Removed {
		return
	}
	timing := func(c review.Change) bool { return strings.HasPrefix(c.Path, "schedule") || c.Path == "enabled" }
	whole := p.Kind == review.Added && p.Like == ""
	if now := v.out.now.Pipeline(p.Name); slices.ContainsFunc(p.Changes, timing) && now != nil {
		v.each(only(p.Changes, timing), whole)
		v.fires(now)
	}
	v.each(only(p.Changes, func(c review.Change) bool { return !timing(c) }), whole)
}

func only(changes []review.Change, wanted func(review.Change) bool) []review.Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c review.Change) bool { return !wanted(c) })
}

func movedBlock(from, to string) string {
	return "moved {\n  from = pipeline." + from + "\n  to   = pipeline." + to + "\n}"
}

// fires tells a changed schedule in words, and when it fires next.
func (v *planView) fires(p *compile.Pipeline) {
	for _, t := range p.Triggers {
		v.line(' ', "      fires %s", t.Describe())
	}
	if len(p.Triggers) == 0 && len(p.After) == 0 {
		v.line('?', "      it does not fire by itself any more")
	}
	if pl, ok := v.out.planOf(p.Name); ok {
		if next, ok := nextOf(pl); ok {
			v.line(' ', "      next %s", when(next, p.Location))
		}
	}
	if !p.Enabled {
		v.line('?', "      it is not enabled, and does not fire")
	}
}

// each lists attributes, with columns that stand below each other, and remarks
// unless all of the block is new or gone.
func (v *planView) each(changes []review.Change, whole bool) {
	width := 0
	for _, c := range changes {
		if !long(c) {
			width = max(width, len(c.Path))
		}
	}
	told := ""
	for _, c := range changes {
		v.change(c, min(width, 40))
		if remark := review.Remark(c); !whole && remark != "" && remark != told {
			v.line('?', "        %s", remark)
			told = remark
		}
	}
}

// long reports whether a change is shown on several lines.
func long(c review.Change) bool { return c.Query || len(c.Old)+len(c.New) > 160 }

func (v *planView) change(c review.Change, width int) {
	mark := map[review.Kind]byte{review.Added: '+', review.Removed: '-'}[c.Kind]
	if mark == 0 {
		mark = '~'
	}
	switch {
	case c.Hidden && c.Kind == review.Changed:
		v.line(mark, "    %-*s   another value (sensitive, not shown)", width, c.Path)
	case c.Hidden:
		v.line(mark, "    %-*s   (sensitive, not shown)", width, c.Path)
	case c.Query && c.Kind == review.Changed:
		v.line(mark, "    %s   at %s", c.Path, c.Where)
		v.queryDiff(c)
	case c.Query:
		v.line(mark, "    %-*s   %s at %s", width, c.Path, plural(strings.Count(strings.TrimSpace(c.Old+c.New), "\n")+1, "line"), c.Where)
	case c.Kind == review.Changed && long(c):
		v.line(mark, "    %s", c.Path)
		v.line('-', "        %s", c.Old)
		v.line('+', "        %s", c.New)
	case c.Kind == review.Changed:
		v.line(mark, "    %-*s   %s → %s", width, c.Path, c.Old, c.New)
	default:
		v.line(mark, "    %-*s   %s", width, c.Path, c.Old+c.New)
	}
}

// maxQueryLines bounds how much of a query's change is shown.
const maxQueryLines = 40

func (v *planView) queryDiff(c review.Change) {
	text := string(diff.Diff("old", []byte(c.Old+"\n"), "new", []byte(c.New+"\n")))
	shown := 0
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" || strings.HasPrefix(line, "---") || strings.HasPrefix(line, "+++") || strings.HasPrefix(line, "diff ") || strings.HasPrefix(line, "@@") {
			continue
		}
		if shown++; shown > maxQueryLines {
			v.line(' ', "      …")
			return
		}
		mark := line[0]
		if mark != '+' && mark != '-' {
			mark = ' '
		}
		v.line(mark, "        %s", line[1:])
	}
}

func (v *planView) plan(p plan.Plan) {
	pipeline := v.out.now.Pipeline(p.Pipeline)
	v.line('#', "%s   %s", p.Pipeline, plannedFor(p, pipeline.Location))
	if p.Problem != nil {
		v.problem(p.Problem)
		return
	}
	for _, s := range p.Steps {
		v.step(s)
	}
}

func plannedFor(p plan.Plan, loc *time.Location) string {
	next, fires := nextOf(p)
	switch {
	case p.Disabled:
		return "not enabled; planned for " + when(p.Slot, loc)
	case fires && p.Slot.Equal(next):
		return "next " + when(next, loc)
	case fires:
		return "planned for " + when(p.Slot, loc) + ", next " + when(next, loc)
	}
	return "planned for " + when(p.Slot, loc)
}

func (v *planView) step(s plan.Step) {
	from := ""
	if len(s.Inputs) > 0 {
		from = "   from " + strings.Join(s.Inputs, ", ")
	}
	v.line(' ', "  %s%s", s.Address, from)
	for _, p := range s.Proofs {
		switch p.Verdict {
		case proof.Proven:
			v.line('=', "      %-11s %s", p.Of, p.Told)
		case proof.Doubtful:
			v.line('?', "      %-11s %s  [%s]", p.Of, p.Problem.Summary, p.Problem.Code)
			v.remedy(p.Problem)
		default:
			v.line('!', "      %-11s %s  [%s]", p.Of, p.Problem.Summary, p.Problem.Code)
			v.remedy(p.Problem)
		}
		if len(p.Columns) > 0 {
			v.line(' ', "      %-11s %s", "columns", shownColumns(p))
		}
	}
	v.writes(s.Writes)
	if c := s.Shortcut; c != nil && c.From != "" {
		how := "if they are as its own would be"
		if c.Copy {
			how += ", by copies within S3"
		}
		v.line(' ', "      %-11s takes the files of %s, %s", "short cut", c.From, how)
	}
}

// shownColumns is a schema on one line, cut where nobody reads on.
func shownColumns(p proof.Proof) string {
	const most = 12
	if len(p.Columns) <= most {
		return p.Columns.String()
	}
	return p.Columns[:most].String() + fmt.Sprintf(", and %d more", len(p.Columns)-most)
}

func (v *planView) writes(w *plan.Writes) {
	if w == nil {
		return
	}
	more := ""
	if len(w.Several) > 0 {
		more = "   and on, by " + strings.Join(w.Several, " and ")
	}
	place := strings.TrimSuffix(w.Place, ":")
	if place == "file" {
		place = ""
	} else {
		place += "/"
	}
	v.line(' ', "      %-11s %s%s%s", "writes", place, w.File, more)
	for _, extra := range []string{w.Manifest, w.Success} {
		if extra != "" {
			v.line(' ', "      %-11s %s%s", "", place, extra)
		}
	}
	if len(w.Needs) > 0 {
		v.line(' ', "      %-11s %s", "needs", strings.Join(w.Needs, ", "))
	}
}

func (v *planView) problem(p *problem.Problem) {
	v.line('!', "  %s  [%s]", p.Summary, p.Code)
	v.remedy(p)
}

// remedy says where, why, and what to do.
func (v *planView) remedy(p *problem.Problem) {
	tell := func(text string) {
		for line := range strings.SplitSeq(text, "\n") {
			v.line(' ', "                  %s", line)
		}
	}
	if p.Where != "" {
		tell("at " + p.Where)
	}
	if p.Err != nil && !strings.Contains(p.Summary, p.Err.Error()) {
		tell(answerText(p.Err.Error()))
	}
	if p.Cause != "" {
		tell(p.Cause)
	}
	for _, r := range p.Remedy {
		tell("→ " + r)
	}
	if p.Snippet != "" {
		tell("")
		tell(p.Snippet)
	}
}
