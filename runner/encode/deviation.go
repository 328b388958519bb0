package encode

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xitongsys/parquet-go/parquet"
	"github.com/xitongsys/parquet-go/reader"
)

// Deviation says how a Parquet file differs from what would have been written
// for a format, so that it cannot be delivered in place of that; empty if it
// can. reference is a file with the same columns, and no rows, that was written
// for the format: names, types, nesting and what may be NULL are compared with
// it, so that nothing is known here twice. groupRows is the number of rows that
// row groups are to have; 0: any. rows is what the file's footer says.
//
// What cannot be read is a deviation, too: the file is then no worse off than
// if nobody had asked.
func (f Format) Deviation(path, reference string, groupRows int64) (how string, rows int64) {
	got, err := readFooter(path)
	if err != nil {
		return "its footer cannot be read", 0
	}
	want, err := readFooter(reference)
	if err != nil {
		return "its columns cannot be compared", 0
	}
	f = f.withDefaults()
	for _, compare := range []func() string{
		func() string { return schemaDeviation(got.Schema, want.Schema) },
		func() string { return chunkDeviation(got, f.Compression) },
		func() string { return groupDeviation(got.RowGroups, groupRows) },
		func() string { return metadataDeviation(got.KeyValueMetadata) },
		func() string { return indexDeviation(path, got.RowGroups) },
	} {
		if how := compare(); how != "" {
			return how, 0
		}
	}
	return "", got.NumRows
}

func readFooter(path string) (_ *parquet.FileMetaData, err error) {
	defer func() {
		if p := recover(); p != nil { // as the reader does on some malformed files
			err = fmt.Errorf("%v", p)
		}
	}()
	files := &fileSet{path: path}
	defer files.closeAll()
	f, err := files.open()
	if err != nil {
		return nil, err
	}
	if err := checkMagic(f); err != nil {
		return nil, err
	}
	r := &reader.ParquetReader{PFile: f}
	if err := r.ReadFooter(); err != nil {
		return nil, err
	}
	return r.Footer, nil
}

// schemaDeviation compares two schemas, which are depth-first lists. The names
// of their roots mean nothing.
func schemaDeviation(got, want []*parquet.SchemaElement) string {
	if len(got) == 0 || len(want) == 0 {
		return "it has no schema"
	}
	a, b := columnsOf(got), columnsOf(want)
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("column %s is %s instead of %s", b[i].path, a[i].described(b[i]), b[i].described(a[i]))
		}
	}
	if len(a) != len(b) {
		return "it has other columns"
	}
	return ""
}

// A node is an element of a schema in the one form in which two that mean the
// same are equal.
type node struct {
	path       string // "tags.list.element"
	depth      int    // for names with dots
	physical   string // "INT64"; "group"
	meaning    string // "timestamp(micros)"; empty: what the physical type says
	repetition string // "OPTIONAL"
}

// described leaves out what both have in common.
func (n node) described(other node) string {
	switch {
	case n.path != other.path:
		return fmt.Sprintf("called %q", n.path)
	case n.physical != other.physical || n.meaning != other.meaning:
		return strings.TrimSpace(n.physical + " " + n.meaning)
	}
	return n.repetition
}

func columnsOf(elements []*parquet.SchemaElement) []node {
	var out []node
	var walk func(parent, depth int, path string)
	walk = func(parent, depth int, path string) {
		for _, at := range children(elements, parent) {
			n := nodeOf(elements[at])
			n.path, n.depth = path+n.path, depth
			out = append(out, n)
			walk(at, depth+1, n.path+".")
		}
	}
	walk(0, 0, "")
	return out
}

func nodeOf(e *parquet.SchemaElement) node {
	n := node{path: e.Name, physical: "group", meaning: meaning(e), repetition: e.GetRepetitionType().String()}
	if e.GetNumChildren() > 0 {
		return n
	}
	n.physical = e.GetType().String()
	// How many bytes a decimal takes is the writer's affair.
	if e.GetType() == parquet.Type_FIXED_LEN_BYTE_ARRAY && !strings.HasPrefix(n.meaning, "decimal") {
		n.physical = fmt.Sprintf("%s(%d)", n.physical, e.GetTypeLength())
	}
	return n
}

// meaning is what an element's annotation says, whichever of the two kinds of
// annotation says it. The rules are those of the format's LogicalTypes.md.
func meaning(e *parquet.SchemaElement) string {
	if l := e.LogicalType; l != nil {
		if m, ok := logicalMeaning(l); ok {
			return m
		}
	}
	if e.ConvertedType == nil {
		return ""
	}
	switch c := *e.ConvertedType; c {
	case parquet.ConvertedType_UTF8:
		return "string"
	case parquet.ConvertedType_DECIMAL:
		return fmt.Sprintf("decimal(%d,%d)", e.GetPrecision(), e.GetScale())
	case parquet.ConvertedType_TIMESTAMP_MILLIS, parquet.ConvertedType_TIMESTAMP_MICROS, parquet.ConvertedType_TIME_MILLIS, parquet.ConvertedType_TIME_MICROS:
		kind, unit, _ := strings.Cut(strings.ToLower(c.String()), "_")
		return kind + "(" + unit + ") in UTC"
	case parquet.ConvertedType_INT_32, parquet.ConvertedType_INT_64, parquet.ConvertedType_MAP_KEY_VALUE:
		return "" // what the element is without it
	default:
		return strings.ToLower(c.String())
	}
}

// logicalMeaning words a logical type as meaning words the converted one that
// it replaces.
func logicalMeaning(l *parquet.LogicalType) (string, bool) {
	switch {
	case l.STRING != nil:
		return "string", true
	case l.DECIMAL != nil:
		return fmt.Sprintf("decimal(%d,%d)", l.DECIMAL.Precision, l.DECIMAL.Scale), true
	case l.TIMESTAMP != nil:
		return "timestamp(" + unitOf(l.TIMESTAMP.Unit) + ")" + inUTC(l.TIMESTAMP.IsAdjustedToUTC), true
	case l.TIME != nil:
		return "time(" + unitOf(l.TIME.Unit) + ")" + inUTC(l.TIME.IsAdjustedToUTC), true
	case l.UUID != nil:
		return "uuid", true
	case l.INTEGER != nil && !l.INTEGER.IsSigned:
		return fmt.Sprintf("uint_%d", l.INTEGER.BitWidth), true
	case l.INTEGER != nil && l.INTEGER.BitWidth < 32:
		return fmt.Sprintf("int_%d", l.INTEGER.BitWidth), true
	}
	return "", false // the converted type says the same
}

func unitOf(u *parquet.TimeUnit) string {
	switch {
	case u == nil:
		return "?"
	case u.MILLIS != nil:
		return "millis"
	case u.MICROS != nil:
		return "micros"
	}
	return "nanos"
}

func inUTC(adjusted bool) string {
	if adjusted {
		return " in UTC"
	}
	return ""
}

// plainEncodings are those of the format's first version, which is what DuckDB
// writes and every reader knows.
var plainEncodings = []parquet.Encoding{parquet.Encoding_PLAIN, parquet.Encoding_PLAIN_DICTIONARY, parquet.Encoding_RLE, parquet.Encoding_BIT_PACKED, parquet.Encoding_RLE_DICTIONARY}

func chunkDeviation(m *parquet.FileMetaData, codec string) string {
	for _, g := range m.RowGroups {
		for _, c := range g.Columns {
			if c.MetaData == nil {
				return "a column's data is not in the file"
			}
			if got := codecs[c.MetaData.Codec]; got != codec {
				return fmt.Sprintf("it is compressed with %s instead of %s", strings.ToLower(c.MetaData.Codec.String()), codec)
			}
			if i := slices.IndexFunc(c.MetaData.Encodings, func(e parquet.Encoding) bool { return !slices.Contains(plainEncodings, e) }); i >= 0 {
				return fmt.Sprintf("column %s is encoded as %s, which not every reader knows", strings.Join(c.MetaData.PathInSchema, "."), c.MetaData.Encodings[i])
			}
			for _, s := range c.MetaData.EncodingStats {
				if s.PageType == parquet.PageType_DATA_PAGE_V2 {
					return "its pages are of version 2, which not every reader knows"
				}
			}
		}
	}
	return ""
}

// vectorRows is what DuckDB rounds the size of a row group up to.
const vectorRows = 2048

func groupDeviation(groups []*parquet.RowGroup, rows int64) string {
	if rows == 0 {
		return ""
	}
	rows = (rows + vectorRows - 1) / vectorRows * vectorRows
	for i, g := range groups {
		if last := i == len(groups)-1; g.NumRows > rows || g.NumRows < rows && !last {
			return fmt.Sprintf("a row group has %d rows instead of %d", g.NumRows, rows)
		}
	}
	return ""
}

// metadataDeviation refuses what a file says of itself besides its columns: a
// query never showed it to whoever declared the pipeline. What engines note of
// how they write is harmless.
func metadataDeviation(all []*parquet.KeyValue) string {
	for _, kv := range all {
		if !strings.HasPrefix(kv.Key, "writer.") && !strings.HasPrefix(kv.Key, "presto_") && !strings.HasPrefix(kv.Key, "trino_") {
			return fmt.Sprintf("it carries metadata of its own (%q)", kv.Key)
		}
	}
	return ""
}
