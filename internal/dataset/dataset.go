// Package dataset holds the nouns that every part of the house shares: what
// data is, not what is done to it.
package dataset

import (
	"path/filepath"
	"slices"
	"strings"
)

// Format names how the files of a dataset are encoded.
type Format string

// The formats in which a source hands data over.
const (
	Parquet Format = "parquet"
	CSV     Format = "csv"
	NDJSON  Format = "ndjson"
)

// A Column is a name and an Athena (Trino) SQL type in lower case: boolean,
// tinyint, smallint, integer, bigint, real, double, decimal(p,s), varchar,
// char(n), varbinary, date, time, timestamp, timestamp with time zone, json,
// uuid, array(t), map(k,v), row(name t, …).
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Schema is the columns of a relation in order. Names are compared without
// regard to case and are unique in that sense.
type Schema []Column

// Index returns the position of the column called name, or -1.
func (s Schema) Index(name string) int {
	for i, c := range s {
		if strings.EqualFold(c.Name, name) {
			return i
		}
	}
	return -1
}

// String renders the schema as "id bigint, name varchar".
func (s Schema) String() string {
	parts := make([]string, len(s))
	for i, c := range s {
		parts[i] = c.Name + " " + c.Type
	}
	return strings.Join(parts, ", ")
}

// CSVOptions says how CSV files are to be read.
type CSVOptions struct {
	Delimiter string `json:"delimiter"` // one character; "," if empty
	Quote     string `json:"quote"`     // `"` if empty
	Escape    string `json:"escape"`    // `"` (doubling) if empty
	Header    bool   `json:"header"`
	Null      string `json:"null"` // the unquoted text that means NULL; empty: nothing at all
	// QuotedEmpty means that "" is the empty string and nothing is NULL, as
	// Athena writes its results. Without it both are NULL.
	QuotedEmpty bool `json:"quoted_empty"`
}

// A File is one local file of a dataset or artifact.
type File struct {
	Name string `json:"name"` // slash-separated, relative to the directory of its dataset
	Size int64  `json:"size"` // bytes
	Rows int64  `json:"rows"` // -1: not known
	// Origin is where the file came from if it was left there; nil otherwise.
	Origin *Origin `json:"origin,omitempty"`
}

// An Origin is the very version of an object in S3 that a file was brought
// from. The object may be gone by now, or be another one.
type Origin struct {
	Bucket  string `json:"bucket"`
	Key     string `json:"key"`
	ETag    string `json:"etag"`
	Version string `json:"version,omitempty"` // in a versioned bucket
	Owner   string `json:"owner,omitempty"`   // account that must own the bucket, if one is known
	// Identity is equal to that of whoever may read it just as well. It is for
	// comparing and says nothing else.
	Identity string `json:"identity"`
}

// URL is the object's place, "s3://bucket/key".
func (o Origin) URL() string { return "s3://" + o.Bucket + "/" + o.Key }

// Stats is what a source can tell about the work it caused.
type Stats struct {
	ScannedBytes int64  `json:"scanned_bytes,omitempty"`
	QueryMillis  int64  `json:"query_millis,omitempty"`
	QueryID      string `json:"query_id,omitempty"`
	Method       string `json:"method,omitempty"` // e.g. "UNLOAD", "results"
	Reused       bool   `json:"reused,omitempty"` // the result came from a cache of the other side
}

// A Dataset is complete data in local files. It may have no files at all (zero
// rows), which is why it carries its schema.
type Dataset struct {
	Dir    string      `json:"-"` // absolute; where Files are
	Format Format      `json:"format"`
	CSV    *CSVOptions `json:"csv,omitempty"` // set when Format is CSV
	Files  []File      `json:"files"`
	// Schema may be empty for formats that carry their own (Parquet) and for
	// CSV whose types are to be detected. It is never empty without files.
	Schema Schema `json:"schema,omitempty"`
	Rows   int64  `json:"rows"` // -1: not known
	Stats  Stats  `json:"stats"`
}

// Bytes is the size of all files together.
func (d Dataset) Bytes() int64 {
	var n int64
	for _, f := range d.Files {
		n += f.Size
	}
	return n
}

// Paths returns the absolute paths of the files.
func (d Dataset) Paths() []string {
	out := make([]string, len(d.Files))
	for i, f := range d.Files {
		out[i] = filepath.Join(d.Dir, filepath.FromSlash(f.Name))
	}
	return out
}

// Left reports whether something of the dataset was left where it came from.
func (d Dataset) Left() bool {
	return slices.ContainsFunc(d.Files, func(f File) bool { return f.Origin != nil })
}
