package report

import (
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/diag"
	"waybill/internal/problem"
)

// The part of SARIF 2.1.0 that is written. Names and meanings are those of the
// OASIS standard; what GitHub's code scanning asks for on top of it is here.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool            `json:"tool"`
		Bases      map[string]sarifBase `json:"originalUriBaseIds"`
		ColumnKind string               `json:"columnKind"`
		Results    []sarifResult        `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID      string       `json:"id"`
		Short   sarifMessage `json:"shortDescription"`
		Full    sarifMessage `json:"fullDescription"`
		Help    sarifMessage `json:"help"`
		Default sarifDefault `json:"defaultConfiguration"`
	}
	sarifDefault struct {
		Level string `json:"level"`
	}
	sarifMessage struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifBase struct {
		Description sarifMessage `json:"description"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifMessage      `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   region        `json:"region"`
	}
	sarifArtifact struct {
		URI    string `json:"uri"`
		BaseID string `json:"uriBaseId,omitempty"`
	}
	// region is a place in a file. Columns are counted from 1 in UTF-16 code
	// units; the last one is behind the place.
	region struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
		EndLine     int `json:"endLine"`
		EndColumn   int `json:"endColumn"`
	}
)

// sourceRoot is what code scanning takes for the root of the repository.
const sourceRoot = "%SRCROOT%"

// SARIF writes a log that GitHub's code scanning and editors read.
func SARIF(w io.Writer, r *Report) error {
	rules := rulesOf(r.Diags)
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "waybill", Version: r.Version, Rules: rules}},
		Bases:      map[string]sarifBase{sourceRoot: {sarifMessage{Text: "The root of the repository."}}},
		ColumnKind: "utf16CodeUnits",
		Results:    []sarifResult{},
	}
	prints := fingerprints(r.Diags, r.Sources)
	for i, d := range r.Diags {
		code := string(diag.CodeOf(d))
		run.Results = append(run.Results, sarifResult{
			RuleID:       code,
			RuleIndex:    slices.IndexFunc(rules, func(r sarifRule) bool { return r.ID == code }),
			Level:        severity(d),
			Message:      sarifMessage{Text: unlinked(message(d))},
			Locations:    []sarifLocation{{r.physical(d)}},
			Fingerprints: map[string]string{"waybill/v1": prints[i]},
		})
	}
	return writeJSON(w, sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

// rulesOf describes the codes that were found, in order.
func rulesOf(diags hcl.Diagnostics) []sarifRule {
	levels := map[string]string{}
	for _, d := range diags {
		if code := string(diag.CodeOf(d)); levels[code] != "error" {
			levels[code] = severity(d)
		}
	}
	rules := []sarifRule{}
	for _, code := range slices.Sorted(maps.Keys(levels)) {
		e := problem.Lookup(code)
		rules = append(rules, sarifRule{ID: code, Short: sarifMessage{Text: sentence(e.Title)}, Full: sarifMessage{Text: strings.TrimSpace(sentence(e.Title) + " " + e.Cause)},
			Help: helpOf(code, e), Default: sarifDefault{levels[code]}})
	}
	return rules
}

// helpOf is what `waybill explain` says, with the steps as a list.
func helpOf(code string, e problem.Entry) sarifMessage {
	more := "`waybill explain " + code + "` tells the same."
	steps := ""
	for _, s := range e.Remedy {
		steps += "- " + s + "\n"
	}
	intro := strings.TrimSpace(sentence(e.Title) + " " + e.Cause)
	return sarifMessage{
		Text:     strings.TrimSpace(intro + " " + strings.Join(e.Remedy, " ")),
		Markdown: intro + "\n\n" + steps + "\n" + more,
	}
}

func sentence(clause string) string {
	if clause == "" {
		return ""
	}
	return strings.ToUpper(clause[:1]) + clause[1:] + "."
}

// unlinked takes the links out of a message: the text of files makes none.
func unlinked(s string) string { return strings.ReplaceAll(s, "](", "] (") }

// physical is where a diagnostic points. Code scanning refuses results without
// a place: what has none is shown at the beginning of the first file.
func (r *Report) physical(d *hcl.Diagnostic) sarifPhysical {
	rng, ok := placeOf(d)
	if !ok {
		start := hcl.Pos{Line: 1, Column: 1}
		rng = hcl.Range{Filename: r.firstFile(), Start: start, End: start}
	}
	path, below := r.Paths.of(rng.Filename)
	artifact := sarifArtifact{URI: uriOf(path, below)}
	if below {
		artifact.BaseID = sourceRoot
	}
	return sarifPhysical{artifact, r.regionOf(rng)}
}

// firstFile is the first configuration file, or the directory of a project that
// has none.
func (r *Report) firstFile() string {
	for _, name := range slices.Sorted(maps.Keys(r.Sources.Files)) {
		if !slices.Contains(r.Paths.Given, name) {
			return name
		}
	}
	return "."
}

// regionOf counts columns as SARIF and GitHub do. HCL counts characters as
// users see them.
func (r *Report) regionOf(rng hcl.Range) region {
	file := r.Sources.Bytes(rng.Filename)
	column := func(p hcl.Pos) int {
		if file == nil {
			return max(1, p.Column)
		}
		line := diag.Line(file, p.Line)
		return 1 + len(utf16.Encode([]rune(line[:diag.Offset(line, p.Column)])))
	}
	out := region{rng.Start.Line, column(rng.Start), max(rng.Start.Line, rng.End.Line), column(rng.End)}
	if out.EndLine == out.StartLine {
		out.EndColumn = max(out.StartColumn, out.EndColumn)
	}
	return out
}
