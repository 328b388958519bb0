package diagtest

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/diag"
	"waybill/internal/problem"
)

// Sound makes sure that diagnostics, whatever file led to them, can be printed,
// have codes that the catalog explains, and tell nothing of our code.
func Sound(t testing.TB, diags hcl.Diagnostics, src diag.Sources) {
	t.Helper()
	var shown strings.Builder
	if err := diag.Print(&shown, diags, src, diag.Style{}); err != nil {
		t.Fatal(err)
	}
	for _, d := range diags {
		if code := string(diag.CodeOf(d)); !problem.Known(code) {
			t.Errorf("the catalog does not explain %q of %s", code, d)
		}
		if text := d.Summary + d.Detail; strings.Contains(text, "goroutine ") || strings.Contains(text, "runtime error") {
			t.Errorf("a diagnostic tells of our code: %s", text)
		}
	}
}
