package duckdb

import (
	"fmt"
	"strings"
)

// athena reads a type as Athena and Trino write it.
func (p *typeParser) athena() (typeTree, error) {
	switch name := strings.ToLower(p.word()); name {
	case "array":
		return p.nested("LIST", 1, p.athena)
	case "map":
		return p.nested("MAP", 2, p.athena)
	case "row":
		return p.nested("STRUCT", 0, p.athena)
	case "decimal":
		args, err := p.ints()
		if err != nil {
			return typeTree{}, err
		}
		return decimal(args)
	default:
		return p.athenaLeaf(name)
	}
}

func (p *typeParser) athenaLeaf(name string) (typeTree, error) {
	duck, ok := athenaNames[name]
	if !ok {
		return typeTree{}, fmt.Errorf("%q is no type that can be computed with", name)
	}
	switch name {
	case "varchar", "char", "time", "timestamp":
		if _, err := p.ints(); err != nil {
			return typeTree{}, err
		}
	}
	if name == "timestamp" && p.words("with", "time", "zone") {
		duck = "TIMESTAMP WITH TIME ZONE"
	}
	return typeTree{name: duck}, nil
}

// duck reads a type as DuckDB writes it: an element type and any number of []
// or [n] behind it.
func (p *typeParser) duck() (typeTree, error) {
	t, err := p.duckElement()
	for err == nil && p.take("[") {
		p.word() // the length of a fixed array
		if !p.take("]") {
			return t, fmt.Errorf(`want "]"`)
		}
		t = typeTree{name: "LIST", fields: []typeField{{typ: t}}}
	}
	return t, err
}

func (p *typeParser) duckElement() (typeTree, error) {
	p.space()
	if strings.HasPrefix(p.rest, `"`) { // DESCRIBE quotes the untyped NULL
		name, err := p.quoted('"')
		return typeTree{name: name}, err
	}
	switch name := strings.ToUpper(p.word()); name {
	case "MAP":
		return p.nested("MAP", 2, p.duck)
	case "STRUCT":
		return p.nested("STRUCT", 0, p.duck)
	case "ENUM":
		return typeTree{name: name}, p.list(p.enumValue)
	case "DECIMAL":
		args, err := p.ints()
		if err != nil {
			return typeTree{}, err
		}
		return decimal(args)
	case "TIMESTAMP", "TIME":
		if p.words("WITH", "TIME", "ZONE") {
			name += " WITH TIME ZONE"
		}
		return typeTree{name: name}, nil
	default:
		return typeTree{name: name}, nil
	}
}

func (p *typeParser) enumValue() error {
	p.space()
	if !strings.HasPrefix(p.rest, "'") {
		return fmt.Errorf("want a text in single quotes")
	}
	_, err := p.quoted('\'')
	return err
}
