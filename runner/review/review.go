// Package review says what differs between two generations of a project, as
// somebody who reviews a change wants to read it: by pipelines and attributes,
// and by what they are worth, wherever in the files that is written.
package review

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/schema"
	"waybill/runner/compile"
)

// A Kind is what happened to something.
type Kind string

// The kinds. Moved is for pipelines that a `moved` block names; they may have
// changes besides.
const (
	Added   Kind = "added"
	Removed Kind = "removed"
	Changed Kind = "changed"
	Moved   Kind = "moved"
)

// Changes is what differs between two generations.
type Changes struct {
	// Blocks are settings, connections and notifiers.
	Blocks    []Block    `json:"blocks,omitempty"`
	Pipelines []Pipeline `json:"pipelines,omitempty"` // by their names
	Unchanged int        `json:"unchanged"`           // pipelines
}

// Empty reports whether nothing differs.
func (c Changes) Empty() bool { return len(c.Blocks) == 0 && len(c.Pipelines) == 0 }

// Touches reports whether a pipeline differs, or what it uses does.
func (c Changes) Touches(name string) bool {
	for _, p := range c.Pipelines {
		if p.Name == name || slices.Contains(p.Alike, name) {
			return true
		}
	}
	return slices.ContainsFunc(c.Blocks, func(b Block) bool { return slices.Contains(b.UsedBy, name) })
}

// A Block is one outside of pipelines that differs.
type Block struct {
	Address string   `json:"address"` // "connection.lake", "waybill"
	Kind    Kind     `json:"kind"`
	Where   string   `json:"where"` // file:line
	Changes []Change `json:"changes,omitempty"`
	// UsedBy are the pipelines that mention it; of those before, if it is removed.
	UsedBy []string `json:"used_by,omitempty"`
}

// A Pipeline is one that differs.
type Pipeline struct {
	Name    string   `json:"name"`
	Kind    Kind     `json:"kind"`
	Was     string   `json:"was,omitempty"` // of one that was moved: its old name
	Where   string   `json:"where"`         // file:line
	Changes []Change `json:"changes,omitempty"`
	// Alike are further instances of the same for_each with the same changes.
	Alike []string `json:"alike,omitempty"`
	// Renamed is, of one that is removed, the added one that looks like it under
	// another name: without a `moved` block its history is lost. Like is the
	// removed one, of the added; its changes are what differs between the two.
	Renamed string `json:"renamed,omitempty"`
	Like    string `json:"like,omitempty"`
}

// A Change is one attribute, or a step, that differs.
type Change struct {
	Path string `json:"path"` // "schedule.cron", "sink.acme.assume_role.role_arn"; "sink.acme" for the step itself
	Kind Kind   `json:"kind"`
	// Old and New are values in the language's own words; those of a query are its
	// text. Sensitive ones are empty, and Hidden is true.
	Old    string `json:"old,omitempty"`
	New    string `json:"new,omitempty"`
	Hidden bool   `json:"hidden,omitempty"`
	Query  bool   `json:"query,omitempty"`
	Where  string `json:"where"` // file:line, of the old generation if it is removed
}

// Compare tells what differs between an older generation and a newer one. It
// looks at values: a literal that became a variable of the same value is no
// difference. An error means that a generation cannot be evaluated.
func Compare(old, now *compile.Generation) (Changes, error) {
	var out Changes
	var err error
	if out.Blocks, err = compareBlocks(old, now); err != nil {
		return out, err
	}
	if out.Pipelines, out.Unchanged, err = comparePipelines(old, now); err != nil {
		return out, err
	}
	out.Pipelines = alike(out.Pipelines)
	return out, nil
}

func compareBlocks(old, now *compile.Generation) ([]Block, error) {
	before, after, err := parts(old.Parts, now.Parts)
	if err != nil {
		return nil, err
	}
	var out []Block
	for _, p := range after {
		b := Block{Address: p.Address, Kind: Changed, Where: where(p.Range), UsedBy: users(now, p.Address)}
		i := slices.IndexFunc(before, func(o compile.Part) bool { return o.Address == p.Address })
		if i < 0 {
			b.Kind = Added
			b.Changes = compareWritten("", nil, p.Written)
			out = append(out, b)
			continue
		}
		if b.Changes = compareWritten("", before[i].Written, p.Written); len(b.Changes) > 0 {
			out = append(out, b)
		}
	}
	for _, p := range before {
		if !slices.ContainsFunc(after, func(n compile.Part) bool { return n.Address == p.Address }) {
			out = append(out, Block{Address: p.Address, Kind: Removed, Where: where(p.Range), UsedBy: users(old, p.Address), Changes: compareWritten("", p.Written, nil)})
		}
	}
	return out, nil
}

func users(g *compile.Generation, address string) []string {
	var out []string
	for _, p := range g.Pipelines {
		if p.Mentions(address) {
			out = append(out, p.Name)
		}
	}
	return out
}

func comparePipelines(old, now *compile.Generation) (changed []Pipeline, same int, err error) {
	var added, removed []*compile.Pipeline
	kept := map[string]bool{} // names of old that go on
	for _, p := range now.Pipelines {
		former := now.Former(old, p.Name)
		if former == nil {
			added = append(added, p)
			continue
		}
		kept[former.Name] = true
		c := Pipeline{Name: p.Name, Kind: Changed, Where: where(p.Range)}
		if former.Name != p.Name {
			c.Kind, c.Was = Moved, former.Name
		}
		if c.Changes, err = comparePipeline(former, p); err != nil {
			return nil, 0, err
		}
		if c.Kind == Changed && len(c.Changes) == 0 {
			same++
			continue
		}
		changed = append(changed, c)
	}
	for _, p := range old.Pipelines {
		if !kept[p.Name] {
			removed = append(removed, p)
		}
	}
	whole, err := wholePipelines(added, removed)
	changed = append(changed, whole...)
	slices.SortFunc(changed, func(a, b Pipeline) int { return strings.Compare(a.Name, b.Name) })
	return changed, same, err
}

// wholePipelines tells of those that there are in one generation only.
func wholePipelines(added, removed []*compile.Pipeline) ([]Pipeline, error) {
	var out []Pipeline
	twins := map[*compile.Pipeline]*compile.Pipeline{} // removed, by the added one that looks like it
	for _, p := range removed {
		c := Pipeline{Name: p.Name, Kind: Removed, Where: where(p.Range)}
		twin, err := twinOf(p, slices.DeleteFunc(slices.Clone(added), func(n *compile.Pipeline) bool { return twins[n] != nil }))
		if err != nil {
			return nil, err
		}
		if twin != nil {
			twins[twin], c.Renamed = p, twin.Name
		}
		out = append(out, c)
	}
	for _, p := range added {
		c := Pipeline{Name: p.Name, Kind: Added, Where: where(p.Range)}
		var err error
		if twin := twins[p]; twin != nil {
			c.Like = twin.Name
			c.Changes, err = comparePipeline(twin, p)
		} else {
			c.Changes, err = comparePipeline(nil, p)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// alikeEnough is how many differences a pipeline may have that is taken for a
// removed one under another name. It has the same steps, too.
const alikeEnough = 3

// twinOf finds the one that is most like a removed pipeline; nil if none is
// like it.
func twinOf(p *compile.Pipeline, among []*compile.Pipeline) (*compile.Pipeline, error) {
	var twin *compile.Pipeline
	fewest := alikeEnough + 1
	for _, n := range among {
		if !slices.EqualFunc(p.Steps, n.Steps, func(a, b *compile.Step) bool { return a.Address == b.Address }) {
			continue
		}
		differ, err := comparePipeline(p, n)
		if err != nil {
			return nil, err
		}
		if len(differ) < fewest {
			twin, fewest = n, len(differ)
		}
	}
	return twin, nil
}

// comparePipeline tells what differs; old may be nil, and all is new.
func comparePipeline(old, now *compile.Pipeline) ([]Change, error) {
	formerly := func() ([]compile.Part, hcl.Diagnostics) { return nil, nil }
	if old != nil {
		formerly = old.Parts
	}
	before, after, err := parts(formerly, now.Parts)
	if err != nil {
		return nil, fmt.Errorf("reading pipeline %s: %w", now.Name, err)
	}
	return compareParts(before, after), nil
}

func parts(old, now func() ([]compile.Part, hcl.Diagnostics)) (before, after []compile.Part, err error) {
	before, diags := old()
	if diags.HasErrors() {
		return nil, nil, diags
	}
	if after, diags = now(); diags.HasErrors() {
		return nil, nil, diags
	}
	return before, after, nil
}

func compareParts(before, after []compile.Part) []Change {
	var out []Change
	for _, p := range after {
		i := slices.IndexFunc(before, func(o compile.Part) bool { return o.Address == p.Address })
		var had []schema.Written
		switch {
		case i >= 0 && before[i].Kind != p.Kind:
			out = append(out, Change{Path: p.Address, Kind: Changed, Old: quoted(before[i].Kind), New: quoted(p.Kind), Where: where(p.Range)})
			had = before[i].Written
		case i >= 0:
			had = before[i].Written
		case p.Address != "":
			out = append(out, Change{Path: p.Address, Kind: Added, New: quoted(p.Kind), Where: where(p.Range)})
		}
		out = append(out, compareWritten(p.Address, had, p.Written)...)
	}
	for _, p := range before {
		if !slices.ContainsFunc(after, func(n compile.Part) bool { return n.Address == p.Address }) {
			out = append(out, Change{Path: p.Address, Kind: Removed, Old: quoted(p.Kind), Where: where(p.Range)})
		}
	}
	return out
}

// compareWritten tells which attributes of a block differ, those that there are
// now first, in the order of the text.
func compareWritten(address string, before, after []schema.Written) []Change {
	var out []Change
	before = renumber(before, after)
	for _, w := range after {
		c := Change{Path: join(address, plain(w.Path, after)), Kind: Added, New: w.Text, Hidden: w.Hidden, Query: w.Query, Where: where(w.Range)}
		if i := slices.IndexFunc(before, func(o schema.Written) bool { return o.Path == w.Path }); i >= 0 {
			if before[i].Same(w) {
				continue
			}
			c.Kind, c.Old = Changed, before[i].Text
			c.Hidden = c.Hidden || before[i].Hidden
		}
		out = append(out, c.hide())
	}
	for _, w := range before {
		if !slices.ContainsFunc(after, func(n schema.Written) bool { return n.Path == w.Path }) {
			out = append(out, Change{Path: join(address, plain(w.Path, before)), Kind: Removed, Old: w.Text, Hidden: w.Hidden, Query: w.Query, Where: where(w.Range)}.hide())
		}
	}
	return out
}

// hide makes sure that neither side of a sensitive value is shown.
func (c Change) hide() Change {
	if c.Hidden {
		c.Old, c.New = "", ""
	}
	return c
}

// renumber gives the blocks of a kind that may be repeated, such as
// "schedule[1]", the numbers of their equals in after, so that one more in front
// is no change of all that follow. Those without an equal keep their order.
func renumber(before, after []schema.Written) []schema.Written {
	was, is := numbered(before), numbered(after)
	to := map[string]string{} // "schedule[1]" in before → its number in after
	taken := map[string]bool{}
	for _, b := range was {
		for _, a := range is {
			if a.kind == b.kind && !taken[a.name] && to[b.name] == "" && a.same(b) {
				to[b.name], taken[a.name] = a.name, true
			}
		}
	}
	for _, b := range was {
		for i := 0; to[b.name] == ""; i++ {
			if name := fmt.Sprintf("%s[%d]", b.kind, i); !taken[name] {
				to[b.name], taken[name] = name, true
			}
		}
	}
	out := slices.Clone(before)
	for i, w := range out {
		if name, rest, ok := strings.Cut(w.Path, "]"); ok && to[name+"]"] != "" {
			out[i].Path = to[name+"]"] + rest
		}
	}
	return out
}

// A numberedBlock is what is written in one of several blocks of a kind.
type numberedBlock struct {
	kind, name string // "schedule", "schedule[1]"
	written    []schema.Written
}

func (b numberedBlock) same(o numberedBlock) bool {
	return slices.EqualFunc(b.written, o.written, func(x, y schema.Written) bool {
		return strings.TrimPrefix(x.Path, b.name) == strings.TrimPrefix(y.Path, o.name) && x.Same(y)
	})
}

// numbered gathers the blocks at the top that have numbers.
func numbered(all []schema.Written) []numberedBlock {
	var out []numberedBlock
	for _, w := range all {
		name, _, ok := strings.Cut(w.Path, "]")
		kind, _, first := strings.Cut(name, "[")
		if !ok || !first {
			continue
		}
		i := slices.IndexFunc(out, func(b numberedBlock) bool { return b.name == name+"]" })
		if i < 0 {
			i = len(out)
			out = append(out, numberedBlock{kind: kind, name: name + "]"})
		}
		out[i].written = append(out[i].written, w)
	}
	return out
}

// plain leaves out the number of a block that stands alone: "schedule[0].cron"
// is "schedule.cron" unless there is a schedule[1].
func plain(path string, all []schema.Written) string {
	head, rest, numbered := strings.Cut(path, "[0]")
	if !numbered || slices.ContainsFunc(all, func(w schema.Written) bool { return strings.HasPrefix(w.Path, head+"[1]") }) {
		return path
	}
	return head + rest
}

// alike puts instances of one for_each that change in the same way together.
func alike(all []Pipeline) []Pipeline {
	var out []Pipeline
	at := map[string]int{}
	for _, p := range all {
		base, _, instance := strings.Cut(p.Name, "[")
		if !instance || p.Kind == Moved || p.Renamed != "" || p.Like != "" {
			out = append(out, p)
			continue
		}
		same, err := json.Marshal([]any{base, p.Kind, p.Changes})
		i, seen := at[string(same)]
		if err != nil || !seen {
			at[string(same)] = len(out)
			out = append(out, p)
			continue
		}
		out[i].Alike = append(out[i].Alike, p.Name)
	}
	return out
}

func join(address, path string) string {
	if address == "" {
		return path
	}
	return address + "." + path
}

func quoted(kind string) string { return `"` + kind + `"` }

func where(r hcl.Range) string { return fmt.Sprintf("%s:%d", r.Filename, r.Start.Line) }
