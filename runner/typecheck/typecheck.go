// Package typecheck lets the engine judge a configuration's SQL before there is
// any data: its syntax everywhere, and names and types wherever the columns of
// its sources are promised.
package typecheck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/dataset"
	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/runner/compile"
	"waybill/runner/engine"
)

// Given is what is known of the columns of sources that promise none, by
// pipeline and address.
type Given map[string]map[string]Columns

// Columns are those of a source, with the place that they were learned from.
type Columns struct {
	Schema dataset.Schema
	From   string // who says so: "the test at orders.test.hcl:7"
}

// Check judges the SQL of all pipelines in one compute job, which needs no
// data and writes nothing. Columns that no contract promises may be given; a
// mistake found by them says so. The diagnostics point into the user's own SQL.
// An error means that the job itself failed.
func Check(ctx context.Context, job engine.Job, g *compile.Generation, given Given) (hcl.Diagnostics, error) {
	told := map[finding]bool{}
	sampler, diags := g.Sampler()
	if diags.HasErrors() {
		return diags, nil
	}
	asked := newDesk(job)
	for _, p := range g.Pipelines {
		bound, d := sampler.Sample(p)
		diags = append(diags, d...)
		if d.HasErrors() {
			continue
		}
		c := checker{desk: asked, bound: bound, samples: samplesOf(p), given: given[p.Name], known: map[string]dataset.Schema{}, learned: map[string][]string{}}
		if err := c.pipeline(ctx, p); err != nil {
			return diags, err
		}
		for _, d := range c.diags {
			if f := (finding{diag.CodeOf(d), *d.Subject}); !told[f] { // instances of one block share their SQL
				told[f] = true
				diags = append(diags, d)
			}
		}
	}
	return diag.Sort(diags), nil
}

// finding is what is told once, however many pipelines share the place.
type finding struct {
	code diag.Code
	rng  hcl.Range
}

// checker judges one pipeline.
type checker struct {
	desk  *desk
	bound *compile.Bound
	// samples are the pipeline with texts for what only a run may know.
	samples func() []*compile.Bound
	given   map[string]Columns
	known   map[string]dataset.Schema // columns by address
	// learned says of which sources a step's columns are given, and where.
	learned map[string][]string
	diags   hcl.Diagnostics
}

func (c *checker) pipeline(ctx context.Context, p *compile.Pipeline) error {
	for _, s := range p.Steps {
		var err error
		switch s.Family {
		case compile.Source:
			err = c.source(ctx, s)
		case compile.Transform, compile.Check, compile.Condition:
			err = c.statement(ctx, s)
		case compile.Sink:
			c.sink(s)
		}
		if err != nil {
			return err
		}
	}
	c.sensitive(p)
	for _, address := range p.Unused {
		if err := c.unused(ctx, c.bound.Step(address)); err != nil {
			return err
		}
	}
	return nil
}

// sensitive warns of sensitive columns that nothing has, which are mostly
// misspelt.
func (c *checker) sensitive(p *compile.Pipeline) {
	var all dataset.Schema
	for _, s := range p.Steps {
		if s.Family != compile.Source && s.Family != compile.Transform {
			continue
		}
		columns, known := c.known[s.Address]
		if !known {
			return
		}
		all = append(all, columns...)
	}
	names, rng := c.bound.SensitiveNames()
	for _, name := range names {
		if all.Index(name) < 0 {
			c.diags = append(c.diags, diag.Warning("column-not-found", rng, fmt.Sprintf("sensitive_columns names %q, which no source or transform has", name),
				strings.TrimSpace("Nothing is protected by it."+diag.Suggest(name, columnNames(all)))))
		}
	}
}

// source makes an empty relation with the promised columns.
func (c *checker) source(ctx context.Context, s *compile.Step) error {
	contract := c.bound.Contract(s.Address)
	if given, ok := c.given[s.Address]; contract == nil && ok {
		contract = given.Schema
		c.learned[s.Address] = []string{fmt.Sprintf("The columns of %s come from %s, since it promises none.", s.Address, given.From)}
	}
	if contract == nil {
		return nil
	}
	columns, err := c.desk.promise(ctx, s.Address, contract)
	if err != nil {
		return c.found(s, verdict{bound: c.bound, err: err})
	}
	c.known[s.Address] = columns
	return nil
}

// sink looks at the columns that a sink delivers, where they are known.
func (c *checker) sink(s *compile.Step) {
	input, named, order := c.bound.Takes(s.Address)
	columns, ok := c.known[input]
	if !ok {
		return
	}
	report := func(p *problem.Problem, attr string) {
		detail := strings.Join(append(slices.Clone(p.Remedy), c.learned[input]...), " ")
		c.diags = append(c.diags, diag.Error(diag.Code(p.Code), c.bound.Range(s.Address, attr), p.Summary, detail))
	}
	if names := c.bound.Exposed(s.Address, columns); len(names) > 0 {
		report(compile.SensitiveColumns(s.Address, input, names), "input")
	}
	missing := func(attr, name string) {
		p := problem.New("column-not-found", fmt.Sprintf("column %q does not exist in %s", name, input), nil)
		p.Remedy = []string{strings.TrimSpace("It has: " + columns.String() + "." + diag.Suggest(name, columnNames(columns)))}
		report(p, attr)
	}
	for _, term := range order {
		if at, name, _ := columns.Order(term); at < 0 {
			missing("order_by", name)
		}
	}
	for attr, names := range named {
		for _, name := range names {
			if columns.Index(name) < 0 {
				missing(attr, name)
			}
		}
	}
}

func columnNames(columns dataset.Schema) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return names
}

func (c *checker) statement(ctx context.Context, s *compile.Step) error {
	if !c.bound.Ready(s.Address) {
		return c.sampled(ctx, s)
	}
	v := c.judge(ctx, c.bound, s)
	if v.schema != nil {
		c.known[s.Address] = v.schema
	}
	return c.found(s, v)
}

// verdict is what the engine says of a step's statement.
type verdict struct {
	bound  *compile.Bound // whose statement it is
	query  string
	schema dataset.Schema // nil: its columns are not known
	err    error
}

// judge asks the engine about a statement: about its text alone, if columns that
// it reads are not known.
func (c *checker) judge(ctx context.Context, bound *compile.Bound, s *compile.Step) verdict {
	v := verdict{bound: bound}
	if v.query, v.err = sqlOf(bound, s); v.err != nil || v.query == "" { // a condition on rows has none
		return v
	}
	for _, in := range s.Inputs {
		if _, known := c.known[in]; !known {
			v.err = c.desk.vet(ctx, v.query, s.Inputs)
			return v
		}
	}
	for _, in := range s.Inputs {
		for _, note := range c.learned[in] {
			if !slices.Contains(c.learned[s.Address], note) {
				c.learned[s.Address] = append(c.learned[s.Address], note)
			}
		}
	}
	schema, err := c.desk.judge(ctx, s.Address, v.query, s.Inputs, c.known)
	if err == nil && s.Family == compile.Condition {
		err = compile.OneBoolean(s.Address, schema)
	}
	if v.err = err; err == nil {
		v.schema = schema
	}
	return v
}

// unused judges the text of a step that runs leave out: nothing reads it, but it
// was meant for something.
func (c *checker) unused(ctx context.Context, s *compile.Step) error {
	if s == nil || s.Family != compile.Transform || !c.bound.Ready(s.Address) {
		return nil
	}
	v := verdict{bound: c.bound}
	if v.query, v.err = sqlOf(c.bound, s); v.err == nil {
		v.err = c.desk.vet(ctx, v.query, s.Inputs)
	}
	return c.found(s, v)
}

func sqlOf(bound *compile.Bound, s *compile.Step) (string, error) {
	switch s.Family {
	case compile.Check:
		check, _, err := bound.Check(s.Address)
		return check.SQL, err
	case compile.Condition:
		condition, err := bound.Condition(s.Address)
		return condition.SQL, err
	}
	return bound.SQL(s.Address)
}

// broken reports whether an error is none of the user's.
func broken(err error) bool {
	p := problem.As(err)
	return err != nil && (p == nil || p.Code == "engine-crashed" || p.Code == "out-of-memory" || p.Code == "cancelled")
}

// found makes a mistake in SQL a diagnostic at its place. What is no mistake
// of the user's is returned.
func (c *checker) found(s *compile.Step, v verdict) error {
	if v.err == nil || broken(v.err) {
		return v.err
	}
	p, query := problem.As(v.err), v.query
	rng := s.Range
	var at *engine.SQLError
	switch {
	case errors.As(v.err, &at):
		rng = v.bound.SQLRange(s.Address, at.At.Offset, wordLength(query, at.At.Offset))
	case query != "" && (s.Family != compile.Transform || s.Kind == "sql"):
		offset, length := mentioned(query, p.Summary)
		rng = v.bound.SQLRange(s.Address, offset, length)
	}
	detail := p.Cause
	if len(p.Remedy) > 0 {
		detail = p.Remedy[0]
	}
	summary := p.Summary
	if p.Code == "bare-table" && at != nil {
		detail = c.reference(query[at.At.Offset:at.At.Offset+wordLength(query, at.At.Offset)], detail)
	}
	if rng.Filename != s.Range.Filename {
		detail += fmt.Sprintf(" The file is used by %s at %s.", s.Address, s.Where)
	}
	detail = strings.Join(append([]string{detail}, c.learned[s.Address]...), " ")
	c.diags = append(c.diags, diag.Error(diag.Code(p.Code), rng, summary, detail))
	return nil
}

// reference says what to write instead of a bare table name, if a step has it.
func (c *checker) reference(name, otherwise string) string {
	for _, family := range []string{compile.Source, compile.Transform} {
		if c.bound.Pipeline.Step(family+"."+name) != nil {
			return fmt.Sprintf("Write ${%s.%s}: only references make the graph.", family, name)
		}
	}
	return otherwise
}

// word finds what the engine's messages name: in quotes, or a plain word.
var word = regexp.MustCompile(`"([^"]+)"|\b[A-Za-z_][A-Za-z0-9_]*\b`)

// mentioned is the place in a query of what a message without a place names:
// of the first word that stands there just once, or else of the whole query.
func mentioned(query, message string) (offset, length int) {
	_, message, _ = strings.Cut(message, ": ") // the step's name
	for _, m := range word.FindAllStringSubmatch(message, -1) {
		name := cmp.Or(m[1], m[0])
		if m[1] == "" && message != "" && !strings.Contains(message, "column "+name) {
			continue // a word of the sentence
		}
		found := regexp.MustCompile(`(?i)(?:\b|^|\W)`+regexp.QuoteMeta(name)+`(?:\b|\W|$)`).FindAllStringIndex(query, 2)
		if len(found) == 1 {
			at := found[0][0] + strings.Index(strings.ToLower(query[found[0][0]:]), strings.ToLower(name))
			return at, len(name)
		}
	}
	return 0, wordLength(query, 0)
}

// wordLength is how long the word at an offset is, at least 1.
func wordLength(text string, offset int) int {
	n := 0
	for _, r := range text[min(offset, len(text)):] {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' {
			break
		}
		n += len(string(r))
	}
	return max(1, n)
}
