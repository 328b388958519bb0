package config

import (
	"fmt"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/internal/secret"
	"waybill/internal/vault"
)

// secretFunc reads a secret by its reference. Before a run it only looks at
// the reference's form: the value is an unknown text. Known or not, it carries
// the mark of secrets.
func secretFunc(vars Vars) function.Function {
	hidden := vars.unread().Mark(secret.Mark{})
	return function.New(&function.Spec{
		// All that function.New would answer itself would lack the mark.
		Params: []function.Parameter{{Name: "reference", Type: cty.String, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			switch arg := args[0]; {
			case arg.IsMarked():
				return hidden, &vault.FormError{Summary: "the reference of a secret is a sensitive value",
					Detail: "References are shown in messages. Where a secret is kept is no secret itself."}
			case !arg.IsKnown():
				return hidden, nil
			}
			return vars.secret(args[0].AsString(), hidden)
		},
	})
}

func (v Vars) secret(reference string, hidden cty.Value) (cty.Value, error) {
	ref, err := vault.Parse(reference)
	if err != nil || !v.RunTime {
		return hidden, err
	}
	if v.Secret == nil {
		return hidden, secretError{problem.New("secret-not-found", fmt.Sprintf("%s cannot be read: secrets are not read here", ref), nil)}
	}
	text, err := v.Secret(reference)
	if p := problem.As(err); p != nil {
		return hidden, secretError{p}
	}
	if err != nil {
		return hidden, err
	}
	if cty.NormalizeString(text) != text { // as every text of the language is: a password would not be the same
		p := problem.New("secret-unusable", fmt.Sprintf("%s cannot be used: it holds characters in Unicode's decomposed form", ref), nil)
		p.Remedy = []string{"Store it in the composed form (NFC)."}
		return hidden, secretError{p}
	}
	return cty.StringVal(text).Mark(secret.Mark{}), nil
}

// secretError gives a problem that reading a secret led to its code. See
// schema.Eval.
type secretError struct{ *problem.Problem }

func (e secretError) Unwrap() error       { return e.Problem }
func (e secretError) DiagCode() diag.Code { return diag.Code(e.Code) }
func (e secretError) DiagDetail() string  { return e.Cause }
