package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"

	"waybill/internal/reference"
)

func (p *schemaPage) block(b reference.Block) {
	p.heading(b.Address, "block in a "+b.In+", "+howOften(b))
	p.paragraph(b.Doc)
	p.pending(b.Pending)
	for _, l := range b.Labels {
		if l.Doc != "" {
			p.paragraph("Label " + l.Name + ": " + l.Doc)
		}
	}
	if b.Example != "" {
		p.code(b.Example)
	}
	p.section("Attributes", attributeRows(b.Attributes))
	p.section("Kinds", blockRows(b.Kinds))
	p.section("Blocks", blockRows(b.Blocks))
	p.line("\nSince %s.", b.Since)
}

func howOften(b reference.Block) string {
	switch {
	case b.Required && b.Repeat:
		return "required, any number"
	case b.Required:
		return "required, once"
	case b.Repeat:
		return "any number"
	}
	return "at most once"
}

// A schemaRow is a line of a list: a name, what it is, and a text that may go on
// in more lines.
type schemaRow struct{ name, what, doc string }

func attributeRows(attrs []reference.Attribute) []schemaRow {
	var out []schemaRow
	for _, a := range attrs {
		row := schemaRow{name: a.Name, what: a.Type, doc: reference.Entry{Doc: a.Doc}.Summary()}
		switch {
		case a.Required:
			row.what += ", required"
		case a.Default != "":
			row.what += ", default " + a.Default
		}
		out = append(out, row)
	}
	return out
}

func blockRows(blocks []reference.Block) []schemaRow {
	var out []schemaRow
	for _, b := range blocks {
		row := schemaRow{name: b.Type, what: howOften(b), doc: reference.Entry{Doc: b.Doc}.Summary()}
		if b.Kind != "" {
			row = schemaRow{name: fmt.Sprintf("%s %q", b.Type, b.Kind), doc: row.doc}
		}
		out = append(out, row)
	}
	return out
}

func (p *schemaPage) section(title string, rows []schemaRow) {
	if len(rows) == 0 {
		return
	}
	p.line("\n%s", p.style.Bold(title))
	p.rows(rows)
}

// rows writes a list: names and what they are above each other, and texts
// beside names if there is nothing else.
func (p *schemaPage) rows(rows []schemaRow) {
	width := 0
	for _, r := range rows {
		width = max(width, utf8.RuneCountInString(r.name))
	}
	indent := strings.Repeat(" ", width+4)
	for _, r := range rows {
		lines := strings.Split(text.WrapSoft(plainText(r.doc), textWidth-width), "\n")
		if r.what != "" {
			lines = append([]string{p.style.Faint(r.what)}, lines...)
		}
		for i, l := range lines {
			l = strings.TrimRight(l, " ")
			if i == 0 {
				p.line("  %s%s", p.style.Bold(r.name), strings.Repeat(" ", width-utf8.RuneCountInString(r.name)+2)+l)
			} else {
				p.line("%s%s", indent, l)
			}
		}
	}
}

func (p *schemaPage) entries(entries []reference.Entry) {
	var rows []schemaRow
	for _, e := range entries {
		rows = append(rows, schemaRow{name: e.Address, doc: e.Summary()})
	}
	p.rows(rows)
}

func (p *schemaPage) attribute(a reference.Attribute) {
	what := a.Type
	if a.Required {
		what += ", required"
	}
	p.heading(a.Address, what)
	p.paragraph(a.Doc)
	p.pending(a.Pending)
	if len(a.OneOf) > 0 {
		p.paragraph("One of: " + strings.Join(a.OneOf, ", ") + ".")
	}
	if a.Default != "" {
		p.paragraph("Default: " + a.Default + ".")
	}
	switch {
	case a.NoLiteral:
		p.paragraph("May be a secret. A value written in the file is refused: take it from env() or a variable.")
	case a.Sensitive:
		p.paragraph("May be a secret.")
	}
	if a.Example != "" {
		p.code(a.Name + " = " + a.Example)
	}
	p.line("\nSince %s.", a.Since)
}

func (p *schemaPage) value(v reference.Value) {
	p.heading(v.Address, v.Type)
	p.paragraph(v.Doc)
	p.line("\nSince %s.", v.Since)
}

func (p *schemaPage) function(f reference.Function) {
	p.heading(f.Signature, "function")
	p.paragraph(f.Doc)
	var rows []schemaRow
	for _, in := range f.Parameters {
		row := schemaRow{name: in.Name, doc: in.Type}
		if in.Variadic {
			row.doc += ", any number"
		}
		rows = append(rows, row)
	}
	p.section("Parameters", rows)
	p.line("\nSince %s.", f.Since)
}
