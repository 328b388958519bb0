// Package diag makes coded HCL diagnostics: what is wrong in the user's files,
// where, and what to write instead.
package diag

import (
	"cmp"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
)

// Code is the stable name of a diagnostic. It travels in Diagnostic.Extra.
type Code string

// Error makes an error about the text at rng. Summary is one clause with the
// names involved; detail says what to do.
func Error(code Code, rng hcl.Range, summary, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: rng.Ptr(), Extra: code}
}

// Warning makes a warning about the text at rng.
func Warning(code Code, rng hcl.Range, summary, detail string) *hcl.Diagnostic {
	d := Error(code, rng, summary, detail)
	d.Severity = hcl.DiagWarning
	return d
}

// A Failure is the code of a diagnostic that an error led to, with the error.
// It travels in Diagnostic.Extra, like a Code.
type Failure struct {
	Code Code
	Err  error
}

// CodeOf returns the diagnostic's code; those that HCL's own parser raised are
// "syntax".
func CodeOf(d *hcl.Diagnostic) Code {
	switch c := d.Extra.(type) {
	case Code:
		return c
	case Failure:
		return c.Code
	}
	return "syntax"
}

// ErrorOf returns the error that led to the diagnostic, or nil if the text of
// the user's files did.
func ErrorOf(d *hcl.Diagnostic) error {
	if f, ok := d.Extra.(Failure); ok {
		return f.Err
	}
	return nil
}

// Sort orders diagnostics by file, position, severity and text, and drops
// repetitions.
func Sort(diags hcl.Diagnostics) hcl.Diagnostics {
	slices.SortStableFunc(diags, compare)
	return slices.CompactFunc(diags, func(a, b *hcl.Diagnostic) bool { return compare(a, b) == 0 })
}

func compare(a, b *hcl.Diagnostic) int {
	ra, rb := rangeOf(a), rangeOf(b)
	return cmp.Or(
		strings.Compare(ra.Filename, rb.Filename),
		cmp.Compare(ra.Start.Byte, rb.Start.Byte),
		cmp.Compare(a.Severity, b.Severity),
		strings.Compare(a.Summary, b.Summary),
		strings.Compare(a.Detail, b.Detail),
	)
}

func rangeOf(d *hcl.Diagnostic) hcl.Range {
	if d.Subject == nil {
		return hcl.Range{}
	}
	return *d.Subject
}

// Suggest returns ` Did you mean "x"?` for the candidate nearest to name, or
// nothing when none is near; of several, the first in the alphabet.
func Suggest(name string, candidates []string) string {
	best, at := "", 1+max(2, len(name)/3)
	for _, c := range candidates {
		if d := levenshtein.Distance(strings.ToLower(name), strings.ToLower(c), nil); d < at || d == at && best != "" && c < best {
			best, at = c, d
		}
	}
	if best == "" {
		return ""
	}
	return ` Did you mean "` + best + `"?`
}
