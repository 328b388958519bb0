package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"waybill/internal/diag"
)

// What is listed unless all is asked for.
const (
	mostPipelines = 12
	mostDiags     = 50
)

// Human writes for people: the diagnostics, when the pipelines of a valid
// project fire next, and the verdict. all lists every diagnostic and every
// pipeline, however many there are.
func Human(w io.Writer, r *Report, style diag.Style, all bool) error {
	if err := writeDiags(w, r, style, all); err != nil {
		return err
	}
	if r.Valid() {
		if err := writeFirings(w, r, style, all); err != nil {
			return err
		}
	}
	word, rest := r.verdict()
	if len(r.Diags) == 0 {
		word = style.Green(word)
	}
	_, err := fmt.Fprintf(w, "%s %s (%s)\n", word, rest, seconds(r.Took))
	return err
}

// writeDiags prints the diagnostics. Where they are too many to read, errors
// come before warnings.
func writeDiags(w io.Writer, r *Report, style diag.Style, all bool) error {
	if len(r.Diags) <= mostDiags || all {
		return diag.Print(w, r.Diags, r.Sources, style)
	}
	first := slices.Clone(r.Diags)
	slices.SortStableFunc(first, func(a, b *hcl.Diagnostic) int { return cmp.Compare(a.Severity, b.Severity) })
	if err := diag.Print(w, first[:mostDiags], r.Sources, style); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s\n\n", style.Faint(fmt.Sprintf("… and %d more; --verbose lists all", len(first)-mostDiags)))
	return err
}

// seconds is 0.2 s, 3m20s.
func seconds(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// writeFirings lists when the pipelines that have schedules fire next.
func writeFirings(w io.Writer, r *Report, style diag.Style, all bool) error {
	t := newTable()
	t.AppendHeader(table.Row{"PIPELINE", "FIRES NEXT", "", "", "ZONE"})
	listed, left := 0, 0
	for _, p := range r.Pipelines {
		switch {
		case len(p.Schedules) == 0:
			continue
		case listed == mostPipelines && !all:
			left++
			continue
		}
		t.AppendRow(p.row(r.Now, style))
		listed++
	}
	if listed == 0 {
		return nil
	}
	out := trimLines(t.Render()) + "\n"
	if left > 0 {
		out += style.Faint(fmt.Sprintf("… and %d more; --verbose lists all", left)) + "\n"
	}
	_, err := io.WriteString(w, out+"\n")
	return err
}

func newTable() table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "   "
	t.SetStyle(style)
	return t
}

func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}

func (p Pipeline) row(now time.Time, style diag.Style) table.Row {
	row := table.Row{diag.HarmlessLine(p.Name)}
	for _, at := range p.Next {
		row = append(row, civil(at.In(p.Zone), now.In(p.Zone)))
	}
	switch {
	case p.Disabled:
		row = append(row, style.Yellow("disabled"))
	case len(p.Next) == 0:
		row = append(row, style.Yellow("never again"))
	case len(p.Next) < Firings:
		row = append(row, "then never again")
	}
	for len(row) < 1+Firings {
		row = append(row, "")
	}
	return append(row, city(p.Zone))
}

// civil is a time as people say it, with the year if it is another one.
func civil(t, now time.Time) string {
	if t.Year() != now.Year() {
		return t.Format("Mon _2 Jan 2006 15:04")
	}
	return t.Format("Mon _2 Jan 15:04")
}

// city is a zone as people say it: "New York", "UTC".
func city(loc *time.Location) string {
	name := loc.String()
	return strings.ReplaceAll(name[strings.LastIndexByte(name, '/')+1:], "_", " ")
}
