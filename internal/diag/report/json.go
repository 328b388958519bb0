package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/diag"
)

// The form of the JSON output. docs/reference/validate.schema.json describes
// it, field by field.
type (
	jsonReport struct {
		Valid       bool           `json:"valid"`
		Errors      int            `json:"errors"`
		Warnings    int            `json:"warnings"`
		Files       int            `json:"files"`
		Pipelines   []jsonPipeline `json:"pipelines"`
		Diagnostics []Diagnostic   `json:"diagnostics"`
	}
	jsonPipeline struct {
		Name      string         `json:"name"`
		Enabled   bool           `json:"enabled"`
		Timezone  string         `json:"timezone"`
		Schedules []jsonSchedule `json:"schedules"`
		Next      []time.Time    `json:"next"`
	}
	jsonSchedule struct {
		Expression  string `json:"expression"`
		Timezone    string `json:"timezone"`
		Description string `json:"description"`
	}
	jsonRange struct {
		File  string  `json:"file"`
		Start jsonPos `json:"start"`
		End   jsonPos `json:"end"`
	}
	jsonPos struct {
		Line   int `json:"line"`
		Column int `json:"column"`
		Byte   int `json:"byte"`
	}
	jsonSnippet struct {
		Context   string        `json:"context,omitempty"`
		Code      string        `json:"code"`
		Highlight jsonHighlight `json:"highlight"`
		Values    []jsonValue   `json:"values,omitempty"`
	}
	jsonHighlight struct {
		Start int `json:"start"`
		End   int `json:"end"`
	}
	jsonValue struct {
		Name string `json:"name"`
		Text string `json:"text"`
	}
)

// A Diagnostic is one finding in JSON, as validate.schema.json describes it.
type Diagnostic struct {
	Severity    string       `json:"severity"` // "error" or "warning"
	Code        string       `json:"code"`
	Summary     string       `json:"summary"`
	Detail      string       `json:"detail,omitempty"`
	Origin      string       `json:"origin,omitempty"`
	Range       *jsonRange   `json:"range,omitempty"`
	Snippet     *jsonSnippet `json:"snippet,omitempty"`
	Fingerprint string       `json:"fingerprint"`
}

// Diagnostics are findings in JSON, in the same order; never nil. Without the
// text of files they have no snippets.
func Diagnostics(diags hcl.Diagnostics, src diag.Sources) []Diagnostic {
	out := make([]Diagnostic, len(diags))
	for i, name := range fingerprints(diags, src) {
		out[i] = diagJSON(diags[i], src)
		out[i].Fingerprint = name
	}
	return out
}

// JSON writes one object.
func JSON(w io.Writer, r *Report) error {
	out := jsonReport{Valid: r.Valid(), Files: r.Files, Pipelines: []jsonPipeline{}, Diagnostics: Diagnostics(r.Diags, r.Sources)}
	out.Errors, out.Warnings = tally(r.Diags)
	for _, p := range r.Pipelines {
		out.Pipelines = append(out.Pipelines, pipelineJSON(p))
	}
	return writeJSON(w, out)
}

func pipelineJSON(p Pipeline) jsonPipeline {
	out := jsonPipeline{Name: p.Name, Enabled: !p.Disabled, Timezone: p.Zone.String(), Schedules: []jsonSchedule{}, Next: []time.Time{}}
	for _, s := range p.Schedules {
		out.Schedules = append(out.Schedules, jsonSchedule(s))
	}
	for _, at := range p.Next {
		out.Next = append(out.Next, at.In(p.Zone))
	}
	return out
}

func diagJSON(d *hcl.Diagnostic, src diag.Sources) Diagnostic {
	out := Diagnostic{Severity: severity(d), Code: string(diag.CodeOf(d)), Summary: diag.Summary(d), Detail: diag.Detail(d), Origin: originOf(d)}
	if rng, ok := placeOf(d); ok {
		out.Range = &jsonRange{rng.Filename, jsonPos(rng.Start), jsonPos(rng.End)}
	}
	if s, ok := src.SnippetOf(d); ok {
		out.Snippet = &jsonSnippet{Context: s.Context, Code: s.Code, Highlight: jsonHighlight{s.Start, s.End}}
		for _, v := range diag.Values(d) {
			out.Snippet.Values = append(out.Snippet.Values, jsonValue(v))
		}
	}
	return out
}

// writeJSON writes a value. The names of files stay as they are in it, so what
// steers terminals is escaped, as JSON allows for any character.
func writeJSON(w io.Writer, v any) error {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, escapeControls(b.String()))
	return err
}

func escapeControls(s string) string {
	var b strings.Builder
	for _, c := range s {
		if c != '\n' && (unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c)) {
			fmt.Fprintf(&b, `\u%04x`, c)
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}
