package sqltype

import (
	"fmt"
	"strings"
)

// athena reads a type as Athena and Trino write it.
func (p *parser) athena() (Tree, error) {
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
			return Tree{}, err
		}
		return decimal(args)
	default:
		return p.athenaLeaf(name)
	}
}

func (p *parser) athenaLeaf(name string) (Tree, error) {
	duck, ok := athenaNames[name]
	if !ok {
		return Tree{}, fmt.Errorf("%q is no type that can be computed with", name)
	}
	switch name {
	case "varchar", "char", "time", "timestamp":
		if _, err := p.ints(); err != nil {
			return Tree{}, err
		}
	}
	if name == "timestamp" && p.words("with", "time", "zone") {
		duck = "TIMESTAMP WITH TIME ZONE"
	}
	return Tree{Name: duck}, nil
}

// duck reads a type as DuckDB writes it: an element type and any number of []
// or [n] behind it.
func (p *parser) duck() (Tree, error) {
	t, err := p.duckElement()
	for err == nil && p.take("[") {
		p.word() // the length of a fixed array
		if !p.take("]") {
			return t, fmt.Errorf(`want "]"`)
		}
		t = Tree{Name: "LIST", Fields: []Field{{Type: t}}}
	}
	return t, err
}

func (p *parser) duckElement() (Tree, error) {
	p.space()
	if strings.HasPrefix(p.rest, `"`) { // DESCRIBE quotes the untyped NULL
		name, err := p.quoted('"')
		return Tree{Name: name}, err
	}
	switch name := strings.ToUpper(p.word()); name {
	case "MAP":
		return p.nested("MAP", 2, p.duck)
	case "STRUCT":
		return p.nested("STRUCT", 0, p.duck)
	case "ENUM":
		return Tree{Name: name}, p.list(p.enumValue)
	case "DECIMAL":
		args, err := p.ints()
		if err != nil {
			return Tree{}, err
		}
		return decimal(args)
	case "TIMESTAMP", "TIME":
		if p.words("WITH", "TIME", "ZONE") {
			name += " WITH TIME ZONE"
		}
		return Tree{Name: name}, nil
	default:
		return Tree{Name: name}, nil
	}
}

func (p *parser) enumValue() error {
	p.space()
	if !strings.HasPrefix(p.rest, "'") {
		return fmt.Errorf("want a text in single quotes")
	}
	_, err := p.quoted('\'')
	return err
}
