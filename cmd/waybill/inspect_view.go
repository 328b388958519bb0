package main

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"

	"waybill/internal/dataset"
	"waybill/runner/engine"
)

// cellWidth is how many characters of a value are shown.
const cellWidth = 40

// inspectText is a file for people.
func (a *app) inspectText(r inspected) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", a.style.Bold(r.Name))
	facts := []string{formatNames[r.Format], rows(r.Rows), size(r.Size)}
	if r.Compression != "" {
		facts = append(facts, r.Compression)
	}
	if p := r.Parquet; p != nil {
		facts = append(facts, plural(len(p.RowGroups), "row group"))
		if p.CreatedBy != "" {
			facts = append(facts, "written by "+oneLine(p.CreatedBy))
		}
	}
	fmt.Fprintf(&b, "  %s\n", strings.Join(facts, " · "))
	a.objectText(&b, r)
	fmt.Fprintf(&b, "\n%s\n", renderTable(a.columnTable(r)))
	switch {
	case r.Partial:
		fmt.Fprintf(&b, "\nOnly the footer was read. --max-size %dMiB reads all of it and shows the first rows.\n", r.Size>>20+1)
	case len(r.First) > 0:
		fmt.Fprintf(&b, "\n%s\n", renderTable(a.rowTable(r.Schema, r.First)))
	}
	return b.String()
}

var formatNames = map[dataset.Format]string{dataset.Parquet: "Parquet", dataset.CSV: "CSV", dataset.NDJSON: "NDJSON"}

// objectText tells which delivery an object says it is of.
func (a *app) objectText(b *strings.Builder, r inspected) {
	o := r.Object
	if o == nil {
		return
	}
	facts := []string{"written " + o.Modified.Format("2006-01-02 15:04:05 UTC")}
	for _, sum := range o.Checksums {
		facts = append(facts, shortChecksum(sum, ""))
	}
	if o.Version != "" {
		facts = append(facts, "version "+o.Version)
	}
	fmt.Fprintf(b, "  %s\n", strings.Join(facts, " · "))
	if o.Delivery == "" {
		fmt.Fprintf(b, "  %s\n", a.style.Faint("of no delivery of waybill's, by its metadata"))
		return
	}
	line := "delivery " + oneLine(o.Delivery)
	if o.Rows != nil {
		line += " of " + rows(*o.Rows)
		if *o.Rows != r.Rows {
			line += a.style.Red(" ≠ " + rows(r.Rows))
		}
	}
	fmt.Fprintf(b, "  %s · %s\n", line, shortChecksum("", o.SHA256))
}

// columnTable has a line for each column; a nested one has no statistics of its
// own, and a line for each of its leaves.
func (a *app) columnTable(r inspected) table.Writer {
	if r.Parquet == nil {
		t := a.table("COLUMN", "TYPE")
		for _, c := range r.Schema {
			t.AppendRow(table.Row{oneLine(c.Name), c.Type})
		}
		return t
	}
	t := a.table("COLUMN", "TYPE", "PHYSICAL", "NULLS", "MIN", "MAX", "SIZE")
	leaves := r.Parquet.Columns
	for _, c := range r.Schema {
		nested := len(leaves) > 0 && strings.HasPrefix(leaves[0].Path, c.Name+", ")
		if nested {
			t.AppendRow(table.Row{oneLine(c.Name), c.Type})
		}
		for nested && len(leaves) > 0 && strings.HasPrefix(leaves[0].Path, c.Name+", ") {
			t.AppendRow(a.leafRow(leaves[0], "", false))
			leaves = leaves[1:]
		}
		if !nested && len(leaves) > 0 && leaves[0].Path == c.Name {
			t.AppendRow(a.leafRow(leaves[0], c.Type, isHidden(r, c.Name)))
			leaves = leaves[1:]
		}
	}
	for _, leaf := range leaves {
		t.AppendRow(a.leafRow(leaf, "", false))
	}
	return t
}

func isHidden(r inspected, column string) bool {
	for _, h := range r.Hidden {
		if strings.EqualFold(h, column) {
			return true
		}
	}
	return false
}

func (a *app) leafRow(c engine.ParquetColumn, athena string, hidden bool) table.Row {
	physical := c.Physical
	if c.Logical != "" {
		physical += " " + c.Logical
	}
	nulls := ""
	if c.Nulls != nil {
		nulls = number(*c.Nulls)
	}
	least, most := a.cell(c.Min, ""), a.cell(c.Max, "")
	if hidden {
		least, most = a.style.Faint("(hidden)"), a.style.Faint("(hidden)")
	}
	path := oneLine(c.Path)
	if athena == "" {
		path = "  " + strings.ReplaceAll(path, ", ", ".")
	}
	return table.Row{path, athena, physical, nulls, least, most, size(c.Compressed)}
}

func (a *app) rowTable(schema dataset.Schema, first [][]*string) table.Writer {
	header := make([]any, len(schema))
	for i, c := range schema {
		header[i] = oneLine(c.Name)
	}
	t := a.table(header...)
	for _, r := range first {
		row := make(table.Row, len(r))
		for i, v := range r {
			row[i] = a.cell(v, "∅")
		}
		t.AppendRow(row)
	}
	return t
}

// cell is a value on one line, cut where it is long.
func (a *app) cell(v *string, none string) string {
	if v == nil {
		return a.style.Faint(none)
	}
	s := []rune(oneLine(*v))
	if len(s) > cellWidth {
		return string(s[:cellWidth-1]) + "…"
	}
	return string(s)
}

// oneLine makes what moves the cursor visible: values come from strangers.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\r', r == '\t':
			return '␣'
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return '·'
		}
		return r
	}, s)
}
