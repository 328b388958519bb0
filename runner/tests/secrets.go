package tests

import (
	"cmp"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"waybill/internal/schema"
	"waybill/internal/secret"
)

// secretsOf lists the texts of all sensitive values in a scope.
func secretsOf(scope *schema.Scope) []string {
	var out []string
	for _, v := range scope.Eval.Variables {
		out = append(out, secretTexts(v)...)
	}
	return out
}

// secretTexts lists the texts of the sensitive values within a value.
func secretTexts(v cty.Value) []string {
	var out []string
	if v == cty.NilVal || !v.ContainsMarked() {
		return nil
	}
	_ = cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		if _, hidden := v.Marks()[secret.Mark{}]; hidden {
			out = append(out, textsOf(v)...)
		}
		return true, nil
	})
	return out
}

// textsOf lists the texts of all known values within a value.
func textsOf(v cty.Value) []string {
	var out []string
	plain, _ := v.UnmarkDeep()
	_ = cty.Walk(plain, func(_ cty.Path, v cty.Value) (bool, error) {
		if s, err := convert.Convert(v, cty.String); err == nil && s.IsKnown() && !s.IsNull() && s.AsString() != "" {
			out = append(out, s.AsString())
		}
		return true, nil
	})
	return out
}

// A hider keeps secrets out of what is printed.
type hider struct{ secrets []string }

// newHider hides the given texts, the longest first, for one may hold another.
func newHider(secrets []string) hider {
	sorted := slices.Clone(secrets)
	slices.SortFunc(sorted, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	return hider{slices.Compact(sorted)}
}

// shortSecret is up to what length a secret is looked for as a whole only: a
// shorter one is part of too many texts.
const shortSecret = 3

// text replaces secrets in a text.
func (h hider) text(s string) string {
	for _, hidden := range h.secrets {
		if len(hidden) > shortSecret {
			s = strings.ReplaceAll(s, hidden, secret.Placeholder)
		}
	}
	return s
}

// value replaces what is shown of a cell if it holds a secret.
func (h hider) value(v value) value {
	for _, hidden := range h.secrets {
		if v.shown == hidden || v.key == hidden || len(hidden) > shortSecret && strings.Contains(v.shown, hidden) {
			v.shown = secret.Placeholder
			return v
		}
	}
	return v
}
