package encode

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/xitongsys/parquet-go/parquet"

	"waybill/internal/dataset"
)

// checkSchema compares the top level of a Parquet schema, which is stored as a
// depth-first list, with the columns that were meant.
func checkSchema(elements []*parquet.SchemaElement, want dataset.Schema) error {
	if len(elements) == 0 {
		return fmt.Errorf("it has no schema")
	}
	top := children(elements, 0)
	if len(top) != len(want) {
		return fmt.Errorf("it has %d columns instead of %d", len(top), len(want))
	}
	for i, at := range top {
		e := elements[at]
		if e.Name != want[i].Name {
			return fmt.Errorf("column %d is called %q instead of %q", i+1, e.Name, want[i].Name)
		}
		if got := typeOf(e); !agrees(got, want[i].Type) {
			return fmt.Errorf("column %q has the type %s instead of %s", e.Name, got, want[i].Type)
		}
	}
	return nil
}

// children returns the positions of an element's direct children.
func children(elements []*parquet.SchemaElement, parent int) []int {
	var out []int
	next := parent + 1
	for range elements[parent].GetNumChildren() {
		if next >= len(elements) {
			break
		}
		out = append(out, next)
		next = after(elements, next)
	}
	return out
}

// after returns the position behind an element and all that is in it.
func after(elements []*parquet.SchemaElement, at int) int {
	n := int(elements[at].GetNumChildren())
	at++
	for ; n > 0 && at < len(elements); n-- {
		at = after(elements, at)
	}
	return at
}

// agrees compares the type in the file with the Athena type that was meant. Of
// nested types the kind alone is compared.
func agrees(got, want string) bool {
	kind, rest, _ := strings.Cut(want, "(")
	switch kind {
	case "array", "map", "row":
		return got == kind
	case "char":
		return got == "varchar"
	case "varchar", "time":
		return got == kind
	case "timestamp":
		_, zone, _ := strings.Cut(rest, ")")
		return got == "timestamp"+zone
	case "decimal":
		return strings.ReplaceAll(want, " ", "") == got
	}
	return got == want
}

// typeOf names an element's type as Athena does.
func typeOf(e *parquet.SchemaElement) string {
	switch {
	case e.GetNumChildren() > 0:
		return nestedType(e)
	case e.ConvertedType != nil:
		return convertedType(e)
	case e.LogicalType != nil:
		return logicalType(e)
	}
	return physicalType(e)
}

func nestedType(e *parquet.SchemaElement) string {
	if e.ConvertedType == nil {
		return "row"
	}
	switch *e.ConvertedType {
	case parquet.ConvertedType_LIST:
		return "array"
	case parquet.ConvertedType_MAP, parquet.ConvertedType_MAP_KEY_VALUE:
		return "map"
	}
	return "row"
}

func convertedType(e *parquet.SchemaElement) string {
	switch *e.ConvertedType {
	case parquet.ConvertedType_UTF8, parquet.ConvertedType_ENUM:
		return "varchar"
	case parquet.ConvertedType_JSON:
		return "json"
	case parquet.ConvertedType_DATE:
		return "date"
	case parquet.ConvertedType_TIME_MICROS, parquet.ConvertedType_TIME_MILLIS:
		return "time"
	case parquet.ConvertedType_TIMESTAMP_MICROS, parquet.ConvertedType_TIMESTAMP_MILLIS:
		return timestampType(e)
	case parquet.ConvertedType_DECIMAL:
		return "decimal(" + strconv.Itoa(int(e.GetPrecision())) + "," + strconv.Itoa(int(e.GetScale())) + ")"
	case parquet.ConvertedType_INT_8:
		return "tinyint"
	case parquet.ConvertedType_INT_16:
		return "smallint"
	case parquet.ConvertedType_INT_32:
		return "integer"
	case parquet.ConvertedType_INT_64:
		return "bigint"
	}
	return e.ConvertedType.String()
}

// timestampType needs the logical type: the converted one knows no difference
// between instants and civil times.
func timestampType(e *parquet.SchemaElement) string {
	if l := e.LogicalType; l != nil && l.TIMESTAMP != nil && !l.TIMESTAMP.IsAdjustedToUTC {
		return "timestamp"
	}
	return "timestamp with time zone"
}

func logicalType(e *parquet.SchemaElement) string {
	switch l := e.LogicalType; {
	case l.UUID != nil:
		return "uuid"
	case l.STRING != nil:
		return "varchar"
	case l.TIMESTAMP != nil:
		return timestampType(e)
	case l.TIME != nil:
		return "time"
	case l.JSON != nil:
		return "json"
	}
	return physicalType(e)
}

func physicalType(e *parquet.SchemaElement) string {
	switch e.GetType() {
	case parquet.Type_BOOLEAN:
		return "boolean"
	case parquet.Type_INT32:
		return "integer"
	case parquet.Type_INT64:
		return "bigint"
	case parquet.Type_FLOAT:
		return "real"
	case parquet.Type_DOUBLE:
		return "double"
	case parquet.Type_BYTE_ARRAY, parquet.Type_FIXED_LEN_BYTE_ARRAY:
		return "varbinary"
	}
	return e.GetType().String() // INT96 among them, which is never meant
}
