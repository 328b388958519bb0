package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"waybill/internal/sandbox"
)

// TestMain lets the test binary be waybill: under that name for the stories of
// testdata/script, and whenever it is started with a hidden verb, as waybill
// starts its own executable.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "engine" || os.Args[1] == sandbox.Verb) {
		os.Exit(run())
	}
	testscript.Main(m, map[string]func(){"waybill": main})
}
