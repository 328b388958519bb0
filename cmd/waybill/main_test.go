package main

import (
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"waybill/internal/sandbox"
)

// TestMain lets the test binary be waybill: under that name for the stories of
// testdata/script, and whenever it is started with a hidden verb, as waybill
// starts its own executable.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "engine" || os.Args[1] == sandbox.Verb) {
		main()
	}
	testscript.Main(m, map[string]func(){"waybill": mainAt})
}

// mainAt is main at the time that a story sets in NOW, if it sets one.
func mainAt() {
	a := newApp(os.Stdin, os.Stdout, os.Stderr)
	if now := os.Getenv("NOW"); now != "" {
		t, err := time.Parse(time.RFC3339, now)
		if err != nil {
			panic(err)
		}
		a.now = func() time.Time { return t }
	}
	os.Exit(run(a))
}
