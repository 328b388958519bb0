package transform

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/component"
	"waybill/internal/schema"
	"waybill/internal/secret"
)

type maskConfig struct {
	Input  schema.RefValue `wb:"input"`
	Hash   []string        `wb:"hash"`
	Redact []string        `wb:"redact"`
	Drop   []string        `wb:"drop"`
	Salt   secret.String   `wb:"salt"`
}

// maskKind is `transform "mask"`: columns that must not leave as they are.
func maskKind() Kind {
	block := &schema.Block{
		Doc:     "Hides columns of a relation: replaces values by their SHA-256, empties them, or takes the column away. All other columns stay as they are.",
		Example: "transform \"mask\" \"private\" {\n  input  = source.people\n  hash   = [\"email\"]\n  redact = [\"phone\"]\n}",
		Attrs: []schema.Attr{
			inputAttr("The relation whose columns are hidden."),
			{Name: "hash", Type: schema.Strings, Doc: "Columns whose values are replaced by their SHA-256 in hex: equal values stay equal, NULL stays NULL. Without a salt, who can guess a value can recognise it.", Example: `["email"]`},
			{Name: "salt", Type: schema.String, Sensitive: true, NoLiteral: true, Doc: "A secret text that goes into each hash before the value, so that values cannot be recognised by guessing.", Example: "var.salt"},
			{Name: "redact", Type: schema.Strings, Doc: "Columns whose values become NULL, with their type kept.", Example: `["phone"]`},
			{Name: "drop", Type: schema.Strings, Doc: "Columns that are taken away.", Example: `["notes"]`},
		},
	}
	return component.New("mask", block, checkMask, func(c maskConfig, _ Env) (Definition, error) {
		return Definition{SQL: maskSQL(c)}, nil
	})
}

func maskSQL(c maskConfig) string {
	var replace []string
	salt := ""
	if !c.Salt.IsZero() {
		salt = literal(c.Salt.Reveal()) + " || "
	}
	for _, name := range c.Hash {
		replace = append(replace, fmt.Sprintf("sha256(%sCAST(%s AS VARCHAR)) AS %[2]s", salt, quote(name)))
	}
	for _, name := range c.Redact {
		// A CASE that is never true gives NULL the column's own type.
		replace = append(replace, fmt.Sprintf("CASE WHEN false THEN %s END AS %[1]s", quote(name)))
	}
	star := "*"
	if len(c.Drop) > 0 {
		star += " EXCLUDE (" + quoteAll(c.Drop) + ")"
	}
	if len(replace) > 0 {
		star += " REPLACE (" + strings.Join(replace, ", ") + ")"
	}
	return fmt.Sprintf("SELECT %s FROM %s", star, quote(c.Input.Address))
}

// Carry tells which columns are still sensitive.
func (c maskConfig) Carry(sensitive map[string]bool) map[string]bool {
	out := maps.Clone(sensitive)
	for _, name := range slices.Concat(c.Hash, c.Redact, c.Drop) {
		delete(out, strings.ToLower(name))
	}
	return out
}

func checkMask(c maskConfig, v *schema.Values) hcl.Diagnostics {
	all := slices.Concat(c.Hash, c.Redact, c.Drop)
	if len(all) == 0 && !v.Set("hash") && !v.Set("redact") && !v.Set("drop") {
		return hcl.Diagnostics{v.Error("hash", "missing-attribute", "the mask hides nothing", "Name columns in hash, redact or drop.")}
	}
	seen := map[string]bool{}
	for _, name := range all {
		key := strings.ToLower(name)
		if seen[key] {
			return hcl.Diagnostics{v.Error("input", "invalid-value", fmt.Sprintf("the column %q is hidden twice", name), "Name it in one of hash, redact and drop.")}
		}
		seen[key] = true
	}
	return nil
}
