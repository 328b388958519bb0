// Package report writes what a check of a project found, in the forms that
// people and their tools read. It only formats: who checks puts together what
// it writes.
package report

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/diag"
	"waybill/internal/problem"
)

// A Report is the outcome of one check.
type Report struct {
	Version   string          // of waybill
	Diags     hcl.Diagnostics // sorted
	Sources   diag.Sources    // of the files that diagnostics speak of
	Paths     Paths           // where those files are
	Files     int             // that were read
	Declared  int             // pipelines that the files declare
	Pipelines []Pipeline      // of a valid project, in order
	Now       time.Time       // when it was checked
	Took      time.Duration   // for how long
}

// A Pipeline is what a report tells of one.
type Pipeline struct {
	Name      string
	Disabled  bool
	Zone      *time.Location // of the first schedule, or the project's
	Schedules []Schedule     // in the order of the file
	// Next are the coming slots of all schedules together, three or, if the
	// schedules end, fewer. A disabled pipeline has none.
	Next []time.Time
}

// A Schedule is one schedule block.
type Schedule struct {
	Expression  string // as it is written
	Timezone    string // IANA name
	Description string // "at 09:00 on weekdays, New York time"
}

// Firings is how many of the coming slots a report tells.
const Firings = 3

// Valid reports whether there is no error. There may be warnings.
func (r *Report) Valid() bool { return !r.Diags.HasErrors() }

// Failure makes a diagnostic of what kept a check from its work, so that it
// appears in each form.
func Failure(p *problem.Problem) *hcl.Diagnostic {
	var at interface {
		error
		Unwrap() error
		File() string
	}
	if errors.As(p.Err, &at) { // one file is to blame
		rng := hcl.Range{Filename: at.File(), Start: hcl.InitialPos, End: hcl.InitialPos}
		why := sentence(at.Unwrap().Error())
		return diag.Error(diag.Code(p.Code), rng, p.Summary, strings.TrimSpace(why+" "+strings.Join(p.Remedy, " ")))
	}
	detail := strings.TrimSpace(p.Cause + " " + strings.Join(p.Remedy, " "))
	return diag.Error(diag.Code(p.Code), hcl.Range{}, p.Error(), detail)
}

// Count says how many there are of each severity: "2 errors and 1 warning".
func Count(diags hcl.Diagnostics) string {
	errs, warnings := tally(diags)
	switch {
	case errs > 0 && warnings > 0:
		return plural(errs, "error") + " and " + plural(warnings, "warning")
	case errs > 0:
		return plural(errs, "error")
	}
	return plural(warnings, "warning")
}

func tally(diags hcl.Diagnostics) (errs, warnings int) {
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			errs++
		} else {
			warnings++
		}
	}
	return errs, warnings
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// verdict is the last line for people: "valid: 2 files, 1 pipeline".
func (r *Report) verdict() (word, rest string) {
	word, rest = "valid:", plural(r.Files, "file")+", "+plural(r.Declared, "pipeline")
	if len(r.Diags) > 0 {
		word = Count(r.Diags) + " in"
	}
	return word, rest
}

func severity(d *hcl.Diagnostic) string {
	if d.Severity == hcl.DiagWarning {
		return "warning"
	}
	return "error"
}

// placeOf is where a diagnostic points in a file, if it does.
func placeOf(d *hcl.Diagnostic) (hcl.Range, bool) {
	if d.Subject == nil || d.Subject.Filename == "" || d.Subject.Start.Line == 0 {
		return hcl.Range{}, false
	}
	return *d.Subject, true
}

// originOf is what a diagnostic is about if that is no file: "--var env".
func originOf(d *hcl.Diagnostic) string {
	if _, inFile := placeOf(d); inFile || d.Subject == nil {
		return ""
	}
	return diag.HarmlessLine(d.Subject.Filename)
}

// message tells a diagnostic in lines of plain text.
func message(d *hcl.Diagnostic) string {
	lines := []string{diag.Summary(d)}
	if o := originOf(d); o != "" {
		lines[0] += " (on " + o + ")"
	}
	for _, v := range diag.Values(d) {
		lines = append(lines, v.String())
	}
	if detail := diag.Detail(d); detail != "" {
		lines = append(lines, detail)
	}
	return strings.Join(lines, "\n")
}

// fingerprints names each diagnostic so that it is known again when the lines
// around it move, or its words change in a new release: by its code, its file
// and the text of its line. What is alike in all that is counted.
func fingerprints(diags hcl.Diagnostics, src diag.Sources) []string {
	out := make([]string, len(diags))
	seen := map[string]int{}
	for i, d := range diags {
		parts := []string{string(diag.CodeOf(d)), originOf(d)}
		if rng, ok := placeOf(d); ok {
			line := diag.Line(src.Bytes(rng.Filename), rng.Start.Line)
			parts = append(parts, rng.Filename, strings.Join(strings.Fields(line), " "))
		}
		sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
		name := hex.EncodeToString(sum[:16])
		seen[name]++
		out[i] = fmt.Sprintf("%s:%d", name, seen[name])
	}
	return out
}
