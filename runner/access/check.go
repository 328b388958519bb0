package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Difference is what a policy lacks, or has beyond what is needed.
type Difference struct {
	Missing bool     `json:"missing"` // otherwise it is more than is needed
	Action  string   `json:"action"`
	On      string   `json:"on"` // a resource
	Because []string `json:"because,omitempty"`
}

// Compare looks at a policy document, as JSON, that the principal is to have:
// what it does not allow although it is needed, and what it allows although
// nothing needs it. Conditions are not weighed: a statement with one counts as if
// it had none. An error is a clause.
func (p *Principal) Compare(document []byte) ([]Difference, error) {
	allowed, denied, err := statements(document)
	if err != nil {
		return nil, err
	}
	var out []Difference
	for _, g := range p.Needs {
		for _, action := range g.Actions {
			for _, resource := range g.Resources {
				if !covers(allowed, action, resource) || covers(denied, action, resource) {
					out = append(out, Difference{Missing: true, Action: action, On: resource, Because: g.reasonsFor(action)})
				}
			}
		}
	}
	for _, s := range allowed {
		for _, action := range s.actions {
			for _, resource := range s.resources {
				if !p.uses(action, resource) {
					out = append(out, Difference{Action: action, On: resource})
				}
			}
		}
	}
	return out, nil
}

// reasonsFor are those of one action.
func (g Grant) reasonsFor(action string) []string {
	var out []string
	for _, r := range g.Because {
		if slices.Contains(r.Actions, action) {
			out = append(out, fmt.Sprintf("%s (%s)", r.Why, strings.Join(r.Steps, "; ")))
		}
	}
	return out
}

// uses reports whether a statement is for something: nothing in it goes beyond
// what is needed by more than the names of actions and resources do.
func (p *Principal) uses(action, resource string) bool {
	for _, g := range p.Needs {
		for _, a := range g.Actions {
			for _, r := range g.Resources {
				if matches(a, action, true) && matches(r, resource, false) {
					return true
				}
			}
		}
	}
	return false
}

type allowance struct{ actions, resources []string }

func covers(all []allowance, action, resource string) bool {
	return slices.ContainsFunc(all, func(s allowance) bool {
		return slices.ContainsFunc(s.actions, func(a string) bool { return matches(a, action, true) }) &&
			slices.ContainsFunc(s.resources, func(r string) bool { return matches(r, resource, false) })
	})
}

// matches reports whether a text fits a pattern of IAM's: * is any characters, ?
// is one. A "*" in the text is a character like any other, which only a * fits.
func matches(pattern, text string, fold bool) bool {
	expr := regexp.QuoteMeta(pattern)
	expr = strings.ReplaceAll(strings.ReplaceAll(expr, `\*`, `.*`), `\?`, `[^*]`)
	if fold {
		expr = "(?i)" + expr
	}
	ok, err := regexp.MatchString("(?s)^(?:"+expr+")$", text)
	return ok && err == nil
}

// oneOrMore is a text or a list of texts, as policies have it.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	var more []string
	if err := json.Unmarshal(data, &more); err != nil {
		return errors.New("Action and Resource are a text or a list of texts")
	}
	*o = more
	return nil
}

type readStatement struct {
	Effect                 string
	Action, Resource       oneOrMore
	NotAction, NotResource oneOrMore
}

// statements reads a policy document.
func statements(document []byte) (allowed, denied []allowance, err error) {
	var doc struct{ Statement json.RawMessage }
	if err := json.Unmarshal(document, &doc); err != nil || len(doc.Statement) == 0 {
		return nil, nil, errors.New("it is no policy document: want an object with Statement")
	}
	var list []readStatement
	if err := json.Unmarshal(doc.Statement, &list); err != nil {
		var one readStatement
		if err := json.Unmarshal(doc.Statement, &one); err != nil {
			return nil, nil, fmt.Errorf("its statements cannot be read: %w", err)
		}
		list = []readStatement{one}
	}
	for _, s := range list {
		if len(s.NotAction)+len(s.NotResource) > 0 {
			return nil, nil, errors.New("it has NotAction or NotResource, which is not understood here")
		}
		a := allowance{s.Action, s.Resource}
		switch s.Effect {
		case "Allow":
			allowed = append(allowed, a)
		case "Deny":
			denied = append(denied, a)
		default:
			return nil, nil, fmt.Errorf("a statement has the effect %q", s.Effect)
		}
	}
	return allowed, denied, nil
}
