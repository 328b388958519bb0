// Package inspect tells what a file of rows holds: its columns, how many rows,
// what its statistics say, and the first rows. It reads through a compute job.
package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"waybill/internal/dataset"
	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/runner/engine"
)

// A Request says what to look at.
type Request struct {
	Path string // local file, in a directory that the job may read
	Name string // what the file is called for a reader, and for its extension
	// Format and Delimiter are found by the name and the first bytes if they are
	// empty.
	Format    dataset.Format
	Delimiter string
	Rows      int      // how many of the first rows
	Hide      []string // columns of which no value is told; all must be there
	// HideToo are columns of which no value is told, where there are such.
	HideToo []string
	HideAll bool // no value of any column is told
	// FooterOnly has nothing but the end of a Parquet file read: the rest of the
	// local file is not there.
	FooterOnly bool
}

// A Report is what a file holds.
type Report struct {
	Name        string                `json:"name"`
	Format      dataset.Format        `json:"format"`
	Size        int64                 `json:"size"`
	Rows        int64                 `json:"rows"`
	Compression string                `json:"compression,omitempty"`
	Schema      dataset.Schema        `json:"schema"` // Athena type names
	Hidden      []string              `json:"hidden,omitempty"`
	Parquet     *engine.ParquetFooter `json:"parquet,omitempty"`
	First       [][]*string           `json:"first_rows,omitempty"` // as texts; null is NULL
	Partial     bool                  `json:"partial,omitempty"`    // only the footer was read
}

// hiddenValue stands for every value of a column that is hidden.
const hiddenValue = "(hidden)"

// File looks at a file.
func File(ctx context.Context, job engine.Job, req Request) (Report, error) {
	ds, compression, err := recognise(req)
	if err != nil {
		return Report{}, err
	}
	out := Report{Name: req.Name, Format: ds.Format, Compression: compression, Partial: req.FooterOnly, Size: ds.Files[0].Size}
	if out.Schema, err = job.Attach(ctx, relation, ds); err != nil {
		return out, err
	}
	if out.Hidden, err = hiddenColumns(req, out.Schema); err != nil {
		return out, err
	}
	if ds.Format == dataset.Parquet {
		footer, err := job.Footer(ctx, req.Path)
		if err != nil {
			return out, err
		}
		out.Parquet, out.Rows, out.Compression = &footer, footer.Rows, compressions(footer)
	} else if out.Rows, err = job.Count(ctx, relation); err != nil {
		return out, err
	}
	if req.Rows > 0 && !req.FooterOnly {
		if _, out.First, err = job.Preview(ctx, relation, req.Rows); err != nil {
			return out, err
		}
	}
	out.hide()
	return out, nil
}

// relation is the file's name in the job.
const relation = "file"

// compressions are those of all columns, once each.
func compressions(f engine.ParquetFooter) string {
	var all []string
	for _, c := range f.Columns {
		all = append(all, strings.Split(c.Compression, ", ")...)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}

func hiddenColumns(req Request, schema dataset.Schema) ([]string, error) {
	var out []string
	for _, name := range req.Hide {
		at := schema.Index(name)
		if at < 0 {
			var names []string
			for _, c := range schema {
				names = append(names, c.Name)
			}
			p := problem.New("column-not-found", fmt.Sprintf("%s has no column %q to hide", req.Name, name), nil)
			p.Remedy = []string{"Correct the name that --hide gives."}
			p.Cause = strings.TrimSpace("It has: " + strings.Join(names, ", ") + "." + diag.Suggest(name, names))
			return nil, p
		}
		out = append(out, schema[at].Name)
	}
	for _, c := range schema {
		named := slices.ContainsFunc(req.HideToo, func(name string) bool { return strings.EqualFold(name, c.Name) })
		if (req.HideAll || named) && !slices.Contains(out, c.Name) {
			out = append(out, c.Name)
		}
	}
	return out, nil
}

// hide takes the values of hidden columns out of the report, those of nested
// parts of them too.
func (r *Report) hide() {
	for _, name := range r.Hidden {
		at := r.Schema.Index(name)
		for _, row := range r.First {
			if row[at] != nil {
				text := hiddenValue
				row[at] = &text
			}
		}
		if r.Parquet == nil {
			continue
		}
		for i := range r.Parquet.Columns {
			if c := &r.Parquet.Columns[i]; strings.EqualFold(c.Path, name) || strings.HasPrefix(strings.ToLower(c.Path), strings.ToLower(name)+", ") {
				c.Min, c.Max = nil, nil
			}
		}
	}
}

// texts are the extensions of text files that can be read.
var texts = map[string]struct {
	format    dataset.Format
	delimiter string
}{
	".csv": {dataset.CSV, ","}, ".tsv": {dataset.CSV, "\t"}, ".psv": {dataset.CSV, "|"},
	".ndjson": {dataset.NDJSON, ""}, ".jsonl": {dataset.NDJSON, ""},
}

// others are extensions of files that sinks write and that are not read here.
var others = []struct{ extension, what, remedy string }{
	{".pgp", "encrypted", "Who has the private key can decrypt it: gpg --decrypt."},
	{".gpg", "encrypted", "Who has the private key can decrypt it: gpg --decrypt."},
	{".asc", "encrypted", "Who has the private key can decrypt it: gpg --decrypt."},
	{".zip", "an archive", "Unpack it, and look at the file in it."},
	{".tgz", "an archive", "Unpack it, and look at the file in it."},
	{".tar.gz", "an archive", "Unpack it, and look at the file in it."},
	{".xlsx", "a spreadsheet", "Open it with a spreadsheet program."},
	{".json", "a JSON array", "Any JSON tool reads it; lines of JSON are read by --format ndjson."},
	{".arrow", "an Arrow file", "Read it by a library of Arrow's, such as pyarrow.ipc."},
	{".arrows", "an Arrow stream", "Read it by a library of Arrow's, such as pyarrow.ipc."},
	{".avro", "an Avro file", "Read it by a library or the tools of Avro."},
}

// notRead tells what a file is by its name, in lower case, and what to do about
// it; empty if that is not known.
func notRead(name string) (what, remedy string) {
	for _, o := range others {
		if strings.HasSuffix(name, o.extension) {
			return o.what, o.remedy
		}
	}
	return "", ""
}

var packed = map[string]string{".gz": "gzip", ".zst": "zstd"}

// recognise finds out how a file is to be read.
func recognise(req Request) (dataset.Dataset, string, error) {
	f, err := os.Open(req.Path)
	if err != nil {
		return dataset.Dataset{}, "", unreadable(req.Name, err)
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return dataset.Dataset{}, "", unreadable(req.Name, err)
	}
	if !info.Mode().IsRegular() {
		return dataset.Dataset{}, "", unreadable(req.Name, errors.New("it is not a file"))
	}
	var magic [4]byte
	_, _ = io.ReadFull(f, magic[:]) // a file that is shorter is not Parquet
	ds := dataset.Dataset{Dir: filepath.Dir(req.Path), Format: req.Format, Rows: -1, Files: []dataset.File{{Name: filepath.Base(req.Path), Size: info.Size(), Rows: -1}}}
	name := strings.ToLower(req.Name)
	whole := name
	compression := packed[filepath.Ext(name)]
	if compression != "" {
		name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	text := texts[filepath.Ext(name)]
	if ds.Format == "" {
		ds.Format = text.format
	}
	if string(magic[:]) == "PAR1" && req.Format == "" {
		ds.Format, compression = dataset.Parquet, ""
	}
	switch ds.Format {
	case dataset.CSV:
		ds.CSV = &dataset.CSVOptions{Header: true, Delimiter: text.delimiter}
		if req.Delimiter != "" {
			ds.CSV.Delimiter = req.Delimiter
		}
	case "":
		if what, remedy := notRead(whole); what != "" {
			p := problem.New("file-malformed", fmt.Sprintf("%s is %s, which is not read here", req.Name, what), nil)
			p.Cause = "Parquet, CSV and NDJSON are read, the last two also with .gz or .zst."
			p.Remedy = []string{remedy}
			return ds, "", p
		}
		p := problem.New("file-malformed", fmt.Sprintf("%s is of no format that is known here", req.Name), nil)
		p.Cause = "It does not begin as Parquet does, and its name does not end in .csv, .tsv, .psv, .ndjson or .jsonl, with .gz or .zst after it or without."
		p.Remedy = []string{"Say what it is: --format parquet, csv or ndjson."}
		return ds, "", p
	}
	return ds, compression, nil
}

func unreadable(name string, err error) *problem.Problem {
	if pe := (*os.PathError)(nil); errors.As(err, &pe) {
		err = pe.Err
	}
	p := problem.New("file-not-readable", fmt.Sprintf("%s cannot be read", name), err)
	p.Remedy = []string{"Check the path and its permissions. Objects are named s3://bucket/key."}
	return p
}
