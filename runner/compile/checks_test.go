package compile_test

import (
	"strings"
	"testing"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/runner/compile"
)

// found are the codes of what is found in a project of one file, with the
// values that are told.
func found(text string, flags map[string]string) (codes []string, shown string) {
	vars := config.Vars{Flags: flags, LookupEnv: func(name string) (string, bool) { return "canary", name == "SECRET" }}
	_, _, diags := compile.Compile(config.StoredTree("/project", map[string][]byte{"main.hcl": []byte(text)}), vars, registries())
	for _, d := range diags {
		codes = append(codes, string(diag.CodeOf(d)))
		for _, v := range diag.Values(d) {
			shown += v.String() + "\n"
		}
	}
	return codes, shown
}

// A schedule is warned of where clocks skip a time that it names, and only
// there: not if that fires later, and not where a time comes twice.
func TestSchedulesThatClocksSkip(t *testing.T) {
	const ny, berlin = "America/New_York", "Europe/Berlin"
	for _, tt := range []struct {
		cron, zone, gap string
		warned          bool
	}{
		{"30 2 * * *", ny, "skip", true},
		{"30 2 * * ? *", ny, "skip", true},
		{"cron(30 2 * * ? *)", ny, "skip", true},
		{"30 2 * * *", ny, "shift", false},
		{"30 2 * * ? *", ny, "shift", false},
		{"30 2 * * *", berlin, "skip", true},
		{"30 2 * * *", "UTC", "skip", false},
		{"30 2 * * *", "Asia/Kolkata", "skip", false},
		{"30 3 * * *", ny, "skip", false},
		{"0 2-4 * * *", ny, "skip", true},
		{"15 2 * * *", "Australia/Lord_Howe", "skip", true},
		{"45 2 * * *", "Australia/Lord_Howe", "skip", false},
		// Clocks change on Sundays.
		{"30 2 * * MON-FRI", ny, "skip", false},
		{"30 2 ? * MON-FRI *", ny, "skip", false},
		{"30 2 * * SUN", ny, "skip", true},
		{"30 2 ? * SUN#2 *", ny, "skip", true},
		{"30 2 ? 1-2 SUN *", ny, "skip", false},
		// Hours that are not named lose nothing.
		{"30 * * * *", ny, "skip", false},
		{"*/5 */2 * * ? *", ny, "skip", false},
		{"rate(1 hour)", ny, "skip", false},
		// 01:30 comes twice in autumn.
		{"30 1 * * *", ny, "skip", false},
		{"30 1 * * ? *", ny, "skip", false},
		{"30 1 * * ? *", ny, "shift", false},
		{"30 2 ? 10 SUN *", berlin, "skip", false},
	} {
		block := `schedule {
    cron     = "` + tt.cron + `"
    timezone = "` + tt.zone + `"
    dst_gap  = "` + tt.gap + `"
  }`
		codes, _ := found(naming("out.csv", block), nil)
		if got := strings.Join(codes, " "); tt.warned && got != "dst-gap" || !tt.warned && got != "" {
			t.Errorf("%s in %s, %s: found %q, warned is %v", tt.cron, tt.zone, tt.gap, got, tt.warned)
		}
	}
}

// What judges a value tells of what the value was made.
func TestDiagnosticsExplainValues(t *testing.T) {
	const head = `
variable "x" {
  default = "Acme"
}
variable "token" {
  default   = "canary"
  sensitive = true
}
locals {
  n      = 30
  secret = env("SECRET")
}
`
	for name, tt := range map[string]struct{ text, code, shown string }{
		"a type":               {naming("out.csv", `timeout = [var.x]`), "wrong-type", "var.x is \"Acme\"\n"},
		"a form":               {naming("out.csv", `timeout = "${local.n}${var.x}"`), "invalid-value", "local.n is 30\nvar.x is \"Acme\"\n"},
		"one of some":          {naming("out.csv", "schedule {\n cron = \"0 9 * * *\"\n overlap = lower(var.x)\n}"), "invalid-value", "var.x is \"Acme\"\n"},
		"a schedule":           {naming("out.csv", `schedule { cron = "99 ${local.n} * * *" }`), "invalid-schedule", "local.n is 30\n"},
		"a schedule in a gap":  {naming("out.csv", "schedule {\n cron = \"${local.n} 2 * * *\"\n timezone = \"Europe/Berlin\"\n}"), "dst-gap", "local.n is 30\n"},
		"a zone":               {naming("out.csv", "schedule {\n cron = \"0 9 * * *\"\n timezone = \"Europe/${var.x}\"\n}"), "invalid-value", "var.x is \"Acme\"\n"},
		"a path":               {naming("out/${var.x}/${run.date}.xlsx"), "extension-mismatch", "run.date is known only in a run\nvar.x is \"Acme\"\n"},
		"a path that runs out": {naming("../${var.x}.csv"), "path-outside", "var.x is \"Acme\"\n"},
		"file.number":          {naming("${var.x}-${file.number}.csv"), "invalid-value", "var.x is \"Acme\"\n"},
		"a secret":             {naming("${var.x}-${var.token}.csv"), "sensitive-value", "var.token is (sensitive)\nvar.x is \"Acme\"\n"},
		"a file":               {naming("out.csv", "transform \"sql\" \"t\" {\n query_file = \"sql/${var.x}.sql\"\n}"), "file-not-readable", "var.x is \"Acme\"\n"},
		"an expression":        {naming("out.csv", `timeout = 1 + var.x`), "invalid-expression", "var.x is \"Acme\"\n"},
		// What may hold a secret without a mark is not told.
		"an attribute for secrets": {naming("out.csv", "transform \"mask\" \"t\" {\n input = source.orders\n hash = [\"a\"]\n salt = [local.secret]\n}"), "wrong-type", ""},
		"HCL about such a one":     {naming("out.csv", "transform \"mask\" \"t\" {\n input = source.orders\n hash = [\"a\"]\n salt = 1 + local.secret\n}"), "invalid-expression", ""},
	} {
		codes, shown := found(head+tt.text, nil)
		if got := strings.Join(codes, " "); got != tt.code {
			t.Errorf("%s: found %s, want %s", name, got, tt.code)
		}
		if shown != tt.shown {
			t.Errorf("%s: shown %q, want %q", name, shown, tt.shown)
		}
	}
}

func TestFailedValidationsTellTheValue(t *testing.T) {
	const text = `
variable "env" {
  default = "dev"
  validation {
    condition     = contains(["dev", "prod"], var.env)
    error_message = "env is dev or prod."
  }
}
variable "token" {
  default   = "x"
  sensitive = true
  validation {
    condition     = length(var.token) > 3
    error_message = "too short"
  }
}
`
	codes, shown := found(text, map[string]string{"env": "qa"})
	if got := strings.Join(codes, " "); got != "invalid-variable invalid-variable" || shown != "var.env is \"qa\"\nvar.token is (sensitive)\n" {
		t.Errorf("found %s, shown %q", got, shown)
	}
	codes, shown = found("variable \"n\" {\n default = 5\n validation {\n condition = var.n\n error_message = \"x\"\n}\n}\n", nil)
	if strings.Join(codes, " ") != "wrong-type" || shown != "var.n is 5\n" {
		t.Errorf("found %v, shown %q", codes, shown)
	}
}
