package config

import (
	"errors"
	"strings"
	"testing"
	"waybill/internal/budget"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/internal/schema"
	"waybill/internal/secret"
)

// secretBench evaluates one expression and tells what was read.
func secretBench(t *testing.T, vars Vars, text string) (v cty.Value, read []string, diags hcl.Diagnostics) {
	t.Helper()
	if given := vars.Secret; given != nil {
		vars.Secret = func(ref string) (string, error) {
			read = append(read, ref)
			return given(ref)
		}
	}
	expr, diags := hclsyntax.ParseExpression([]byte(text), "test", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	v, diags = schema.Eval(expr, &hcl.EvalContext{
		Functions: functions(StoredTree("/", nil), vars, budget.New(0)),
		Variables: map[string]cty.Value{"unknown": cty.UnknownVal(cty.String), "anything": cty.DynamicVal},
	})
	return v, read, diags
}

func answering(text string, err error) func(string) (string, error) {
	return func(string) (string, error) { return text, err }
}

// Before a run no secret is read: its value is not known, and sensitive.
func TestSecretBeforeARun(t *testing.T) {
	for _, text := range []string{`secret("env://X")`, `secret(unknown)`, `secret(anything)`, `secret("aws-sm://${unknown}")`, `upper(secret("aws-ssm:///x"))`, `"x-${secret("file:///x")}"`} {
		v, read, diags := secretBench(t, Vars{Secret: answering("s3cret", nil)}, text)
		if diags.HasErrors() || len(read) > 0 || v.IsKnown() || !v.HasMark(secret.Mark{}) {
			t.Errorf("%s = %#v, %v after reading %q", text, v, diags, read)
		}
	}
}

func TestSecretAtRunTime(t *testing.T) {
	v, read, diags := secretBench(t, Vars{RunTime: true, Secret: answering("s3cret", nil)}, `"${secret("aws-sm://db#password")}!"`)
	plain, _ := v.Unmark()
	if diags.HasErrors() || !v.HasMark(secret.Mark{}) || plain.AsString() != "s3cret!" || len(read) != 1 || read[0] != "aws-sm://db#password" {
		t.Errorf("%#v, %v after reading %q", v, diags, read)
	}
}

func TestSecretMistakes(t *testing.T) {
	late := problem.New("secret-throttled", "aws-sm://db cannot be read: slow down", nil)
	for _, tt := range []struct {
		text string
		vars Vars
		code diag.Code
		want string
	}{
		{`secret("hunter2-CANARY")`, Vars{}, "secret-reference-invalid", "does not say where"},
		{`secret("aws_sm://x")`, Vars{}, "secret-reference-invalid", "There are: "},
		{`secret("aws-sms://x")`, Vars{}, "secret-reference-invalid", `Did you mean "aws-sm"?`},
		{`secret("file://run/x")`, Vars{}, "secret-reference-invalid", "three slashes"},
		{`secret("file://run/x")`, Vars{RunTime: true, Secret: answering("x", nil)}, "secret-reference-invalid", "three slashes"},
		{`secret(sensitive("env://CANARY"))`, Vars{}, "secret-reference-invalid", "is a sensitive value"},
		{`secret(sensitive("env://CANARY"))`, Vars{RunTime: true, Secret: answering("x", nil)}, "secret-reference-invalid", "is a sensitive value"},
		{`secret(null)`, Vars{}, "function-failed", ""},
		{`secret()`, Vars{}, "function-failed", ""},
		{`secret("aws-sm://db")`, Vars{RunTime: true}, "secret-not-found", "are not read here"},
		{`secret("aws-sm://db")`, Vars{RunTime: true, Secret: answering("", late)}, "secret-throttled", "slow down"},
		{`secret("aws-sm://db")`, Vars{RunTime: true, Secret: answering("", errors.New("CANARY"))}, "function-failed", "not shown"},
		{`secret("aws-sm://db")`, Vars{RunTime: true, Secret: answering("CANARY e\u0301", nil)}, "secret-unusable", "decomposed"},
	} {
		_, _, diags := secretBench(t, tt.vars, tt.text)
		wantDiag(t, diags, tt.code, tt.want)
		if strings.Contains(diags.Error(), "CANARY") {
			t.Errorf("%s shows a secret: %v", tt.text, diags)
		}
	}
	_, _, diags := secretBench(t, Vars{RunTime: true, Secret: answering("", late)}, `upper(secret("aws-sm://db"))`)
	if problem.As(diag.ErrorOf(diags[0])) != late {
		t.Errorf("the problem is lost: %#v", diags[0].Extra)
	}
}

// A secret may stand in JSON, too, and hides what functions say there.
func TestSecretInJSON(t *testing.T) {
	vars := Vars{RunTime: true, Secret: answering("s3cret", nil)}
	p, diags := Load(StoredTree("/", map[string][]byte{"main.hcl.json": []byte(`{"locals": {"a": "${secret(\"env://X\")}", "b": "${parseint(secret(\"env://X\"), 10)}"}}`)}), vars)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	scope, diags := p.Scope(vars)
	wantDiag(t, diags, "function-failed", "not shown")
	if strings.Contains(diags.Error(), "s3cret") || !eval(t, scope, "local.a").HasMark(secret.Mark{}) {
		t.Errorf("local.a = %#v, %v", eval(t, scope, "local.a"), diags)
	}
}
