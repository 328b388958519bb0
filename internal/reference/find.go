package reference

import (
	"slices"
	"strings"
)

// An Entry is what stands under an address.
type Entry struct {
	Address string
	Doc     string // Markdown
	// Item is a Block, an Attribute, a Value, a Function or a Group.
	Item any
}

// Summary is the first sentence of the entry's description.
func (e Entry) Summary() string {
	first, _, more := strings.Cut(e.Doc, ". ")
	if more {
		first += "."
	}
	return first
}

// A Group is an address that only stands in front of others, such as sink.
type Group struct {
	Address string
	Entries []Entry // one step below it
}

// Index lists everything that has an address, in the order of the
// documentation: a group or a block first, then what it holds.
func (l *Language) Index() []Entry {
	var out []Entry
	for i := 0; i < len(l.Blocks); i++ {
		b := l.Blocks[i]
		if b.Kind == "" {
			out = append(out, blockEntries(b)...)
			continue
		}
		end := i
		for end < len(l.Blocks) && l.Blocks[end].Type == b.Type {
			end++
		}
		out = append(out, group(b.Type, "The kinds of "+b.Type+" blocks.", l.Blocks[i:end], blockEntries)...)
		i = end - 1
	}
	out = append(out, group("run", "What expressions know of the run.", l.Run, func(v Value) []Entry {
		return []Entry{{v.Address, v.Doc, v}}
	})...)
	return append(out, group("function", "What expressions can call.", l.Functions, func(f Function) []Entry {
		return []Entry{{f.Address, f.Doc, f}}
	})...)
}

// group lists a group and all that items hold.
func group[T any](address, doc string, items []T, entries func(T) []Entry) []Entry {
	g := Group{Address: address}
	var all []Entry
	for _, item := range items {
		inner := entries(item)
		g.Entries = append(g.Entries, inner[0])
		all = append(all, inner...)
	}
	return append([]Entry{{address, doc, g}}, all...)
}

func blockEntries(b Block) []Entry {
	out := []Entry{{b.Address, b.Doc, b}}
	for _, a := range b.Attributes {
		out = append(out, Entry{a.Address, a.Doc, a})
	}
	for _, inner := range slices.Concat(b.Kinds, b.Blocks) {
		out = append(out, blockEntries(inner)...)
	}
	return out
}

// Find returns what stands under an address.
func (l *Language) Find(address string) (Entry, bool) {
	all := l.Index()
	i := slices.IndexFunc(all, func(e Entry) bool { return e.Address == address })
	if i < 0 {
		return Entry{}, false
	}
	return all[i], true
}

// Near is for an address under which nothing stands: the longest part of it
// that leads somewhere, or "", and the addresses one step below that, of which
// one was probably meant.
func (l *Language) Near(address string) (part string, below []string) {
	part = parent(address)
	for part != "" {
		if _, ok := l.Find(part); ok {
			break
		}
		part = parent(part)
	}
	return part, children(l.Index(), part)
}

// children are the addresses one step below another; below none are those of
// one word.
func children(all []Entry, address string) []string {
	out := []string{}
	for _, e := range all {
		if parent(e.Address) == address {
			out = append(out, e.Address)
		}
	}
	return out
}

// parent is an address without its last word.
func parent(address string) string {
	return address[:max(0, strings.LastIndex(address, "."))]
}

// Complete lists the entries whose addresses begin with what is typed, as far
// as the word that is being typed, and whether more stands below any of them.
func (l *Language) Complete(typed string) (entries []Entry, more bool) {
	all := l.Index()
	for _, e := range all {
		if strings.HasPrefix(e.Address, typed) && strings.Count(e.Address, ".") == strings.Count(typed, ".") {
			entries = append(entries, e)
			more = more || len(children(all, e.Address)) > 0
		}
	}
	return entries, more
}
