// Package sqltype translates between the types of Athena (Trino) and DuckDB.
package sqltype

import (
	"fmt"
	"strconv"
	"strings"
)

// ToAthena translates the name of a DuckDB type, as DESCRIBE prints it, into
// Athena's. It is false for types that Athena has no place for (INTERVAL, BIT,
// UNION, unnamed STRUCT, TIME WITH TIME ZONE, …).
//
// Types without a twin become the narrowest one that holds every value:
// UINTEGER is bigint, UBIGINT decimal(20,0), ENUM varchar. HUGEINT, the type
// of SUM over integers, is decimal(38,0), because Parquet has no 128-bit
// integer and DuckDB would write it as DOUBLE and lose digits; a value beyond
// 38 digits fails the cast instead.
func ToAthena(duck string) (string, bool) {
	p := parser{rest: duck}
	t, err := p.duck()
	if err != nil || !p.end() {
		return "", false
	}
	return t.athena()
}

// ToDuck translates an Athena (Trino) type into the DuckDB type that holds
// it. Lengths of varchar and char and precisions of timestamp are dropped:
// DuckDB enforces neither and counts microseconds. Hive's names string, int,
// float and binary are understood too.
func ToDuck(athena string) (string, error) {
	t, err := ParseAthena(athena)
	if err != nil {
		return "", err
	}
	return t.Duck(), nil
}

// ParseAthena reads an Athena type into a tree.
func ParseAthena(athena string) (Tree, error) {
	p := parser{rest: athena}
	t, err := p.athena()
	if err == nil && !p.end() {
		err = fmt.Errorf("unexpected %q", p.rest)
	}
	if err != nil {
		return Tree{}, fmt.Errorf("type %q: %w", athena, err)
	}
	return t, nil
}

// A Tree is a type of either system. Leaves have the DuckDB name.
type Tree struct {
	Name   string // DuckDB's name; LIST, MAP and STRUCT are nested
	Args   []int  // of DECIMAL
	Fields []Field
}

// A Field is a part of a nested type.
type Field struct {
	Name string // of STRUCT only
	Type Tree
}

// athenaLeaves maps DuckDB's names to Athena's. Where several lead to one
// Athena name, athenaNames below holds the one to come back to.
var athenaLeaves = map[string]string{
	"BOOLEAN": "boolean", "TINYINT": "tinyint", "SMALLINT": "smallint", "INTEGER": "integer", "BIGINT": "bigint",
	"UTINYINT": "smallint", "USMALLINT": "integer", "UINTEGER": "bigint", "UBIGINT": "decimal(20,0)",
	"HUGEINT": "decimal(38,0)", "UHUGEINT": "decimal(38,0)",
	"FLOAT": "real", "DOUBLE": "double", "VARCHAR": "varchar", "ENUM": "varchar", "NULL": "varchar",
	"BLOB": "varbinary", "DATE": "date", "TIME": "time", "UUID": "uuid", "JSON": "json",
	"TIMESTAMP": "timestamp", "TIMESTAMP_S": "timestamp", "TIMESTAMP_MS": "timestamp", "TIMESTAMP_NS": "timestamp",
	"TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
}

// athenaNames maps Athena's names, and Hive's where they differ, to DuckDB's.
var athenaNames = map[string]string{
	"boolean": "BOOLEAN", "tinyint": "TINYINT", "smallint": "SMALLINT", "integer": "INTEGER", "int": "INTEGER",
	"bigint": "BIGINT", "real": "FLOAT", "float": "FLOAT", "double": "DOUBLE", "varchar": "VARCHAR", "string": "VARCHAR",
	"char": "VARCHAR", "varbinary": "BLOB", "binary": "BLOB", "date": "DATE", "time": "TIME", "timestamp": "TIMESTAMP",
	"json": "JSON", "uuid": "UUID",
}

func (t Tree) athena() (string, bool) {
	switch t.Name {
	case "DECIMAL":
		return fmt.Sprintf("decimal(%d,%d)", t.Args[0], t.Args[1]), true
	case "LIST", "MAP", "STRUCT":
		return t.athenaNested()
	}
	name, ok := athenaLeaves[t.Name]
	return name, ok
}

func (t Tree) athenaNested() (string, bool) {
	parts := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		name, ok := f.Type.athena()
		if !ok {
			return "", false
		}
		if t.Name == "STRUCT" {
			name = plainOrQuoted(f.Name) + " " + name
		}
		parts[i] = name
	}
	outer := map[string]string{"LIST": "array", "MAP": "map", "STRUCT": "row"}[t.Name]
	return outer + "(" + strings.Join(parts, ", ") + ")", true
}

// Duck writes a type in DuckDB's words.
func (t Tree) Duck() string {
	switch t.Name {
	case "DECIMAL":
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Args[0], t.Args[1])
	case "LIST":
		return t.Fields[0].Type.Duck() + "[]"
	case "MAP":
		return "MAP(" + t.Fields[0].Type.Duck() + ", " + t.Fields[1].Type.Duck() + ")"
	case "STRUCT":
		parts := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			parts[i] = ident(f.Name) + " " + f.Type.Duck()
		}
		return "STRUCT(" + strings.Join(parts, ", ") + ")"
	}
	return t.Name
}

// plainOrQuoted quotes a field name only where Trino would not read it plain.
func plainOrQuoted(name string) string {
	plain := name != "" && (name[0] < '0' || name[0] > '9')
	for _, r := range name {
		plain = plain && (r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9')
	}
	if plain {
		return name
	}
	return ident(name)
}

// decimal checks precision and scale, which both systems limit to 38 digits.
func decimal(args []int) (Tree, error) {
	switch len(args) {
	case 0:
		args = []int{38, 0} // Trino's default
	case 1:
		args = append(args, 0)
	}
	if len(args) != 2 || args[0] < 1 || args[0] > 38 || args[1] < 0 || args[1] > args[0] {
		return Tree{}, fmt.Errorf("a decimal has 1 to 38 digits, and no more behind the point than it has")
	}
	return Tree{Name: "DECIMAL", Args: args}, nil
}

// maxDepth keeps a hostile type text from exhausting the stack.
const maxDepth = 64

// A parser reads the text of a type from the left.
type parser struct {
	rest  string
	depth int
}

func (p *parser) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

func (p *parser) end() bool { p.space(); return p.rest == "" }

// take consumes a punctuation mark if it comes next.
func (p *parser) take(mark string) bool {
	p.space()
	after, ok := strings.CutPrefix(p.rest, mark)
	if ok {
		p.rest = after
	}
	return ok
}

// word consumes a bare word, which is empty if none comes next.
func (p *parser) word() string {
	p.space()
	i := strings.IndexFunc(p.rest, func(r rune) bool { return strings.ContainsRune(" \t\r\n()[],\"'", r) })
	if i < 0 {
		i = len(p.rest)
	}
	w := p.rest[:i]
	p.rest = p.rest[i:]
	return w
}

// words consumes the given words, without regard to case, if all come next.
func (p *parser) words(want ...string) bool {
	saved := p.rest
	for _, w := range want {
		if !strings.EqualFold(p.word(), w) {
			p.rest = saved
			return false
		}
	}
	return true
}

// quoted consumes a text in the given quotes, doubled ones being literal.
func (p *parser) quoted(q byte) (string, error) {
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch {
		case p.rest[i] != q:
			b.WriteByte(p.rest[i])
		case i+1 < len(p.rest) && p.rest[i+1] == q:
			b.WriteByte(q)
			i++
		default:
			p.rest = p.rest[i+1:]
			return b.String(), nil
		}
	}
	return "", fmt.Errorf("a quoted name has no end")
}

// ints consumes "(1, 2)" if it comes next.
func (p *parser) ints() ([]int, error) {
	if !p.take("(") {
		return nil, nil
	}
	var out []int
	for {
		n, err := strconv.Atoi(p.word())
		if err != nil {
			return nil, fmt.Errorf("want a number in brackets")
		}
		out = append(out, n)
		if p.take(")") {
			return out, nil
		}
		if !p.take(",") {
			return nil, fmt.Errorf(`want "," or ")" after a number`)
		}
	}
}

// list consumes "(item, item)" by calling item for each.
func (p *parser) list(item func() error) error {
	if p.depth++; p.depth > maxDepth {
		return fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	defer func() { p.depth-- }()
	if !p.take("(") {
		return fmt.Errorf("the types of the elements are missing")
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if p.take(")") {
			return nil
		}
		if !p.take(",") {
			return fmt.Errorf(`want "," or ")" before %q`, p.rest)
		}
	}
}

// nested reads the elements of a LIST, MAP or STRUCT, whose number is fixed
// but for STRUCT.
func (p *parser) nested(name string, want int, inner func() (Tree, error)) (Tree, error) {
	t := Tree{Name: name}
	err := p.list(func() error {
		var f Field
		var err error
		if name == "STRUCT" {
			if f.Name, err = p.fieldName(); err != nil {
				return err
			}
		}
		if f.Type, err = inner(); err != nil {
			return err
		}
		t.Fields = append(t.Fields, f)
		return nil
	})
	if err == nil && want > 0 && len(t.Fields) != want {
		err = fmt.Errorf("want %d element types, have %d", want, len(t.Fields))
	}
	return t, err
}

func (p *parser) fieldName() (string, error) {
	p.space()
	if strings.HasPrefix(p.rest, `"`) {
		return p.quoted('"')
	}
	if w := p.word(); w != "" {
		return w, nil
	}
	return "", fmt.Errorf("the name of a field is missing")
}

// ident writes a name as a quoted identifier.
func ident(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
