package compile

import (
	"regexp"

	"waybill/internal/identity"
	"waybill/sinks"
)

// An Access is what one step does at AWS, and as whom.
type Access struct {
	Step       *Step
	Connection *identity.Config // nil: the SDK's default chain
	Roles      []identity.Role  // assumed on top of the connection's
	Needs      []identity.Need
	Notes      []string // what the files do not tell
}

// Chain is all roles in the order in which they are assumed.
func (a Access) Chain() []identity.Role {
	var out []identity.Role
	if a.Connection != nil {
		out = append(out, a.Connection.Roles...)
	}
	return append(out, a.Roles...)
}

// actingAs is what a configuration offers that works as somebody at AWS.
type actingAs interface {
	Who() (*identity.Config, []identity.Role)
}

// Accesses lists what the pipeline's steps do at AWS, in the order of the graph.
// In resources, "*" stands for what only a run knows.
func (p *Pipeline) Accesses() ([]Access, error) {
	b, diags := p.Sample()
	if diags.HasErrors() {
		return nil, asProblem(diags)
	}
	var out []Access
	for _, s := range p.Steps {
		r := b.steps[s.Address]
		if r == nil {
			continue
		}
		config := r.configuration()
		who, ok := config.(actingAs)
		if !ok {
			continue
		}
		a := Access{Step: s}
		a.Connection, a.Roles = who.Who()
		switch c := config.(type) {
		case interface {
			Needs(sinks.Use, []string) []identity.Need
		}:
			a.Needs = c.Needs(r.use(), r.keyPatterns(p.generation.Files))
		case interface{ Needs(string) []identity.Need }:
			a.Needs = c.Needs(r.pattern("key", p.generation.Files))
		case interface {
			Needs() ([]identity.Need, []string)
		}:
			a.Needs, a.Notes = c.Needs()
		}
		out = append(out, a)
	}
	return out, nil
}

// configuration is that of the step's kind; nil for steps that do nothing
// outside.
func (r *read) configuration() any {
	switch r.step.Family {
	case Source:
		return r.source.Config
	case Sink:
		return r.sink.Config
	case Wait:
		return r.waiter.Config
	}
	return nil
}

// keyPatterns are the names of a sink's files, its manifest and its success
// file, with "*" for what only a run knows.
func (r *read) keyPatterns(files map[string][]byte) []string {
	out := []string{starred(r.target.Outline(files[r.target.Range().Filename], lateNames...))}
	for _, marker := range markers {
		if e := r.values.Late(marker); !e.IsZero() {
			out = append(out, starred(e.Outline(files[e.Range().Filename], lateNames...)))
		}
	}
	return out
}

// pattern is an attribute's text with "*" for what only a run knows.
func (r *read) pattern(attr string, files map[string][]byte) string {
	return starred(r.values.Outline(attr, files, lateNames...))
}

var (
	late  = regexp.MustCompile(`\$\{[^{}]*(\{[^{}]*\}[^{}]*)*\}|%\{.*\}|…`)
	stars = regexp.MustCompile(`\*+`)
)

// starred is an outline with "*" for each part that is not known.
func starred(outline string) string {
	return stars.ReplaceAllString(late.ReplaceAllString(outline, "*"), "*")
}
