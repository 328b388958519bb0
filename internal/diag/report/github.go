package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/diag"
)

// GitHub writes workflow commands, which GitHub Actions turns into annotations
// of the lines concerned, and the verdict for the log.
func GitHub(w io.Writer, r *Report) error {
	var b strings.Builder
	for _, d := range r.Diags {
		fmt.Fprintf(&b, "::%s %s::%s\n", severity(d), r.properties(d), escapeData(message(d)))
	}
	word, rest := r.verdict()
	fmt.Fprintf(&b, "%s %s\n", word, rest)
	_, err := io.WriteString(w, b.String())
	return err
}

// properties say where a diagnostic points. GitHub takes columns only of a
// place on one line.
func (r *Report) properties(d *hcl.Diagnostic) string {
	var out []string
	add := func(name, value string) { out = append(out, name+"="+escapeProperty(value)) }
	if rng, ok := placeOf(d); ok {
		path, _ := r.Paths.of(rng.Filename)
		at := r.regionOf(rng)
		add("file", diag.HarmlessLine(path))
		add("line", strconv.Itoa(at.StartLine))
		add("endLine", strconv.Itoa(at.EndLine))
		if at.StartLine == at.EndLine {
			add("col", strconv.Itoa(at.StartColumn))
			add("endColumn", strconv.Itoa(at.EndColumn))
		}
	}
	add("title", "waybill: "+string(diag.CodeOf(d)))
	return strings.Join(out, ",")
}

// GitHub's rules of escaping: a command is one line, and its properties end
// with a comma or two colons.
var (
	dataEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func escapeData(s string) string     { return dataEscapes.Replace(s) }
func escapeProperty(s string) string { return propertyEscapes.Replace(s) }
