// Package access gathers what a project does at AWS by the identities that do
// it: what each must be allowed, why, and whom its role must trust. It calls
// nobody.
package access

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"waybill/internal/identity"
	"waybill/runner/compile"
)

// A Principal is an identity that a project works as.
type Principal struct {
	// Role is the ARN of a role that is assumed; empty for an identity that a
	// connection begins with.
	Role string `json:"role,omitempty"`
	// Name says who it is: the role, or `the identity of connection "lake"`.
	Name string `json:"name"`
	// Where is the file:line of its connection; empty for the default chain.
	Where string  `json:"where,omitempty"`
	Needs []Grant `json:"needs,omitempty"`
	// Trusts is, of a role, who assumes it, and how.
	Trusts []Trust  `json:"trusts,omitempty"`
	Notes  []string `json:"notes,omitempty"` // what the files do not tell
}

// A Grant is what a principal must be allowed.
type Grant struct {
	Actions   []string `json:"actions"`
	Resources []string `json:"resources"`
	Because   []Reason `json:"because"`
}

// A Reason says what some of a grant's actions are for.
type Reason struct {
	Actions []string `json:"actions"`
	Why     string   `json:"why"`   // "it writes its files"
	Steps   []string `json:"steps"` // "sink.acme of daily"
}

// reasons are a grant's, one line each.
func (g Grant) reasons() []string {
	out := make([]string, len(g.Because))
	for i, r := range g.Because {
		of := ""
		if !slices.Equal(r.Actions, g.Actions) {
			of = strings.Join(r.Actions, ", ") + ": "
		}
		out[i] = fmt.Sprintf("%s%s (%s)", of, r.Why, strings.Join(r.Steps, "; "))
	}
	return out
}

// A Trust is one way in which a role is assumed.
type Trust struct {
	By   *Principal     `json:"-"`
	From string         `json:"from"` // By's name
	Role *identity.Role `json:"-"`    // as it is configured
	Web  bool           `json:"web_identity,omitempty"`
}

// Principals are all identities of a project: those that connections begin with
// first, then roles, by name. An error means that a pipeline cannot be
// evaluated.
func Principals(g *compile.Generation) ([]*Principal, error) {
	c := &collector{by: map[string]*Principal{}}
	for _, p := range g.Pipelines {
		accesses, err := p.Accesses()
		if err != nil {
			return nil, fmt.Errorf("reading pipeline %s: %w", p.Name, err)
		}
		for _, a := range accesses {
			c.add(p.Name, a)
		}
	}
	out := make([]*Principal, 0, len(c.by))
	for _, p := range c.by {
		p.absorb()
		slices.SortFunc(p.Needs, func(a, b Grant) int { return strings.Compare(a.Resources[0], b.Resources[0]) })
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *Principal) int {
		return cmp.Or(cmp.Compare(min(len(a.Role), 1), min(len(b.Role), 1)), strings.Compare(a.Name, b.Name))
	})
	return out, nil
}

type collector struct{ by map[string]*Principal }

// add walks along the chain that a step works behind.
func (c *collector) add(pipeline string, a compile.Access) {
	who := c.base(a.Connection)
	step := a.Step.Address + " of " + pipeline
	for _, role := range a.Chain() {
		need := identity.AssumeNeed(role)
		who.grant(step, need)
		next := c.role(role.ARN)
		next.trust(Trust{By: who, From: who.Name, Role: &role})
		who = next
	}
	for _, n := range a.Needs {
		who.grant(step, n)
	}
	for _, n := range a.Notes {
		if !slices.Contains(who.Notes, n) {
			who.Notes = append(who.Notes, n)
		}
	}
}

// base is who a connection begins with.
func (c *collector) base(conn *identity.Config) *Principal {
	name, where := "the identity of the SDK's default chain", ""
	if conn != nil && conn.Name != "" {
		where = conn.Where
		switch {
		case conn.WebIdentity != nil:
			p := c.role(conn.WebIdentity.RoleARN)
			p.trust(Trust{From: "the identity provider of connection " + conn.Name, Web: true})
			return p
		case conn.Profile != "":
			name = fmt.Sprintf("the identity of profile %q", conn.Profile)
		case !conn.AccessKeyID.IsZero():
			name = fmt.Sprintf("the owner of the keys of connection %q", conn.Name)
		}
	}
	return c.get(name, &Principal{Name: name, Where: where})
}

func (c *collector) role(arn string) *Principal {
	return c.get(arn, &Principal{Role: arn, Name: arn})
}

func (c *collector) get(key string, fresh *Principal) *Principal {
	if p, ok := c.by[key]; ok {
		return p
	}
	c.by[key] = fresh
	return fresh
}

func (p *Principal) trust(t Trust) {
	same := func(o Trust) bool {
		return o.From == t.From && o.Web == t.Web && (t.Role == nil || o.Role.ExternalID == t.Role.ExternalID)
	}
	if !slices.ContainsFunc(p.Trusts, same) {
		p.Trusts = append(p.Trusts, t)
	}
}

// grant adds a need. Needs of the same actions on the same resources are one.
func (p *Principal) grant(step string, n identity.Need) {
	actions, resources := sorted(n.Actions), sorted(n.Resources)
	i := slices.IndexFunc(p.Needs, func(g Grant) bool { return slices.Equal(g.Resources, resources) })
	if i < 0 {
		i = len(p.Needs)
		p.Needs = append(p.Needs, Grant{Resources: resources})
	}
	g := &p.Needs[i]
	g.Actions = sorted(append(g.Actions, actions...))
	j := slices.IndexFunc(g.Because, func(r Reason) bool { return r.Why == n.Because && slices.Equal(r.Actions, actions) })
	if j < 0 {
		j = len(g.Because)
		g.Because = append(g.Because, Reason{Actions: actions, Why: n.Because})
	}
	if r := &g.Because[j]; !slices.Contains(r.Steps, step) {
		r.Steps = append(r.Steps, step)
	}
}

// absorb drops grants that others cover, whose reasons these take over.
func (p *Principal) absorb() {
	covered := func(g, by Grant) bool {
		return !slices.ContainsFunc(g.Actions, func(a string) bool { return !slices.Contains(by.Actions, a) }) &&
			!slices.ContainsFunc(g.Resources, func(r string) bool {
				return !slices.ContainsFunc(by.Resources, func(pattern string) bool { return matches(pattern, r, false) })
			})
	}
	for i := len(p.Needs) - 1; i >= 0; i-- {
		g := p.Needs[i]
		for j := range p.Needs {
			if j != i && covered(g, p.Needs[j]) {
				p.Needs[j].Because = append(p.Needs[j].Because, g.Because...)
				p.Needs = slices.Delete(p.Needs, i, i+1)
				break
			}
		}
	}
}

func sorted(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}
