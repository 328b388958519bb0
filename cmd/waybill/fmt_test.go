package main

import (
	"io"
	"strings"
	"testing"
)

// A text that would end the process is refused like one that is not HCL.
func TestFmtOfDeepText(t *testing.T) {
	var said strings.Builder
	a := newApp(strings.NewReader(strings.Repeat("[", 200_000)), io.Discard, &said)
	if code := a.execute(t.Context(), []string{"fmt", "-"}); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(said.String(), "too-large") {
		t.Errorf("it says %q", said.String())
	}
}
