package encode

import (
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"waybill/internal/problem"
	"waybill/internal/sqltype"
)

// writeAvro writes rows as an Avro object container file.
func writeAvro(ctx context.Context, out io.Writer, f Format, w Work) (rows int64, err error) {
	record, encodeRow, err := avroRow(w)
	if err != nil {
		return 0, err
	}
	text, err := json.Marshal(record)
	if err != nil {
		return 0, err
	}
	schema, err := avro.Parse(string(text))
	if err != nil {
		return 0, fmt.Errorf("writing Avro: %w", err)
	}
	// The marker between blocks is usually random; retries must write the same.
	sum := sha256.Sum256(text)
	options := []ocf.WriterOpt{ocf.WithSyncMarker([16]byte(sum[:16])), ocf.WithBlockBytes(avroBlockBytes)}
	if codec := avroCodec(f.Compression); codec != nil {
		options = append(options, ocf.WithCodec(codec))
	}
	to, err := ocf.NewWriter(out, schema, options...)
	if err != nil {
		return 0, fmt.Errorf("writing Avro: %w", err)
	}
	var buffer []byte
	err = w.Read(ctx, func(row []any) error {
		rows++
		buffer = encodeRow(buffer[:0], row)
		_, err := to.Write(buffer)
		return err
	})
	return rows, errors.Join(err, to.Close())
}

// avroBlockBytes is about how many bytes are compressed at once.
const avroBlockBytes = 256 << 10

// avroCodec compresses blocks; nil does not.
func avroCodec(compression string) ocf.Codec {
	switch compression {
	case Deflate:
		return ocf.DeflateCodec(flate.DefaultCompression)
	case Snappy:
		return ocf.SnappyCodec()
	case Zstd:
		return ocf.MustZstdCodec(nil, nil) // fails for bad options alone, and there are none
	}
	return nil
}

// avroNames are the names that Avro allows. Source: Avro 1.12, "Names".
var avroNames = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// avroRow returns the schema of a row, and what encodes one.
func avroRow(w Work) (any, func([]byte, []any) []byte, error) {
	types, err := trees(w.Schema)
	if err != nil {
		return nil, nil, err
	}
	fields := make([]sqltype.Field, len(types))
	for i, c := range w.Schema {
		fields[i] = sqltype.Field{Name: c.Name, Type: types[i]}
	}
	if name, ok := badName(fields); ok {
		p := problem.New("column-unsuitable", fmt.Sprintf("%s: %q cannot be a name in Avro", w.Relation, name), nil)
		p.Cause = "Names in Avro are made of letters without accents, digits and _, and begin with no digit."
		p.Remedy = []string{"Give the column or field another name: a transform \"select\" can rename columns.", "Or deliver another format."}
		return nil, nil, p
	}
	named := avroSchema{}
	schema := named.record("row", fields)
	encoders := make([]avroEncoder, len(types))
	for i, t := range types {
		encoders[i] = nullable(t)
	}
	return schema, func(to []byte, row []any) []byte {
		for i, v := range row {
			to = encoders[i](to, v)
		}
		return to
	}, nil
}

// badName finds a name that Avro does not allow, in nested types too.
func badName(fields []sqltype.Field) (string, bool) {
	for _, f := range fields {
		if f.Name != "" && !avroNames.MatchString(f.Name) {
			return f.Name, true
		}
		if name, ok := badName(f.Type.Fields); ok {
			return name, true
		}
	}
	return "", false
}

// An avroSchema holds the names of the records in a schema: each is that of one
// type.
type avroSchema map[string]bool

// record is a record type that is called after the way to it.
func (s avroSchema) record(path string, fields []sqltype.Field) any {
	name := path
	for n := 2; s[name]; n++ {
		name = path + "_" + strconvInt(int64(n))
	}
	s[name] = true
	out := make([]any, len(fields))
	for i, f := range fields {
		out[i] = map[string]any{"name": f.Name, "type": s.nullable(f.Type, path+"_"+f.Name), "default": nil}
	}
	return map[string]any{"type": "record", "name": name, "fields": out}
}

// avroLeaves are the types without parts, by DuckDB's names.
var avroLeaves = map[string]any{
	"BOOLEAN": "boolean", "TINYINT": "int", "SMALLINT": "int", "INTEGER": "int", "BIGINT": "long", "FLOAT": "float", "DOUBLE": "double",
	"VARCHAR": "string", "JSON": "string", "BLOB": "bytes",
	"UUID":                     map[string]any{"type": "string", "logicalType": "uuid"},
	"DATE":                     map[string]any{"type": "int", "logicalType": "date"},
	"TIME":                     map[string]any{"type": "long", "logicalType": "time-micros"},
	"TIMESTAMP":                map[string]any{"type": "long", "logicalType": "local-timestamp-micros"},
	"TIMESTAMP WITH TIME ZONE": map[string]any{"type": "long", "logicalType": "timestamp-micros"},
}

// nullable is a type that may be null.
func (s avroSchema) nullable(t sqltype.Tree, path string) any {
	return []any{"null", s.notNull(t, path)}
}

func (s avroSchema) notNull(t sqltype.Tree, path string) any {
	switch t.Name {
	case "DECIMAL":
		return map[string]any{"type": "bytes", "logicalType": "decimal", "precision": t.Args[0], "scale": t.Args[1]}
	case "LIST":
		return map[string]any{"type": "array", "items": s.nullable(t.Fields[0].Type, path)}
	case "MAP":
		if isAvroMap(t) {
			return map[string]any{"type": "map", "values": s.nullable(t.Fields[1].Type, path)}
		}
		return map[string]any{"type": "array", "items": s.record(path, []sqltype.Field{{Name: "key", Type: t.Fields[0].Type}, {Name: "value", Type: t.Fields[1].Type}})}
	case "STRUCT":
		return s.record(path, t.Fields)
	}
	return avroLeaves[t.Name]
}

// isAvroMap reports whether a map's keys are texts, as all are in Avro. Another
// map is an array of records with key and value.
func isAvroMap(t sqltype.Tree) bool { return t.Fields[0].Type.Name == "VARCHAR" }
