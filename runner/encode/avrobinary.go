package encode

import (
	"encoding/binary"
	"math"
	"math/big"
	"slices"
	"time"

	"waybill/internal/sqltype"
)

// The binary encoding of Avro is written here rather than by a library's
// reflection: that would take entries of a map in any order, and retries must
// write the same bytes. Source: Avro 1.12, "Binary Encoding".

// An avroEncoder appends a value, as Rows describes it.
type avroEncoder func(to []byte, v any) []byte

// nullable encodes the union of null and a type.
func nullable(t sqltype.Tree) avroEncoder {
	encode := notNull(t)
	return func(to []byte, v any) []byte {
		if v == nil {
			return append(to, 0) // the first branch
		}
		return encode(append(to, 2), v) // the second, in zigzag
	}
}

func notNull(t sqltype.Tree) avroEncoder {
	switch t.Name {
	case "BOOLEAN":
		return func(to []byte, v any) []byte {
			if v.(bool) {
				return append(to, 1)
			}
			return append(to, 0)
		}
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT":
		return func(to []byte, v any) []byte { return binary.AppendVarint(to, v.(int64)) }
	case "FLOAT":
		return func(to []byte, v any) []byte {
			return binary.LittleEndian.AppendUint32(to, math.Float32bits(v.(float32)))
		}
	case "DOUBLE":
		return func(to []byte, v any) []byte {
			return binary.LittleEndian.AppendUint64(to, math.Float64bits(v.(float64)))
		}
	case "DECIMAL":
		return func(to []byte, v any) []byte { return appendBytes(to, twosComplement(v.(*big.Int))) }
	case "BLOB":
		return func(to []byte, v any) []byte { return appendBytes(to, v.([]byte)) }
	case "DATE":
		return func(to []byte, v any) []byte { return binary.AppendVarint(to, dayOf(v.(time.Time))) }
	case "TIME":
		return func(to []byte, v any) []byte { return binary.AppendVarint(to, microsOfDay(v.(time.Time))) }
	case "TIMESTAMP", "TIMESTAMP WITH TIME ZONE":
		return func(to []byte, v any) []byte { return binary.AppendVarint(to, v.(time.Time).UnixMicro()) }
	case "LIST", "MAP", "STRUCT":
		return nestedEncoder(t)
	}
	return func(to []byte, v any) []byte { return appendBytes(to, v.(string)) }
}

func nestedEncoder(t sqltype.Tree) avroEncoder {
	if t.Name == "STRUCT" {
		fields := make([]avroEncoder, len(t.Fields))
		for i, f := range t.Fields {
			fields[i] = nullable(f.Type)
		}
		return func(to []byte, v any) []byte {
			for i, f := range t.Fields {
				to = fields[i](to, v.(map[string]any)[f.Name])
			}
			return to
		}
	}
	if t.Name == "LIST" {
		item := nullable(t.Fields[0].Type)
		return func(to []byte, v any) []byte {
			return appendBlock(to, v.([]any), item)
		}
	}
	key, value := nullable(t.Fields[0].Type), nullable(t.Fields[1].Type)
	if isAvroMap(t) {
		key = notNull(t.Fields[0].Type)
	}
	return func(to []byte, v any) []byte {
		return appendBlock(to, v.([]Entry), func(to []byte, v any) []byte {
			return value(key(to, v.(Entry).Key), v.(Entry).Value)
		})
	}
}

// appendBlock writes items as one block, and the end of the blocks.
func appendBlock[T any](to []byte, items []T, encode avroEncoder) []byte {
	if len(items) > 0 {
		to = binary.AppendVarint(to, int64(len(items)))
		for _, item := range items {
			to = encode(to, any(item))
		}
	}
	return append(to, 0)
}

func appendBytes[T string | []byte](to []byte, data T) []byte {
	return append(binary.AppendVarint(to, int64(len(data))), data...)
}

// twosComplement is a number in as few bytes as it takes, the highest first.
func twosComplement(n *big.Int) []byte {
	if n.Sign() >= 0 {
		data := n.Bytes()
		if len(data) == 0 || data[0] >= 0x80 { // would be negative
			return slices.Insert(data, 0, 0)
		}
		return data
	}
	// The bits of -n-1, all turned over.
	data := new(big.Int).Not(n).Bytes()
	for i := range data {
		data[i] = ^data[i]
	}
	if len(data) == 0 || data[0] < 0x80 {
		return slices.Insert(data, 0, 0xff)
	}
	return data
}
