package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the stories of testdata/script: one file is one story, told
// by the commands that a user types. With -update, what `cmp` compares with is
// rewritten.
func TestScripts(t *testing.T) {
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	fixtures, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TZ", "UTC")
			e.Setenv("EXAMPLES", examples)
			e.Setenv("FIXTURES", fixtures)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"mask": maskCommand, "capture": captureCommand, "replace": replaceCommand, "copy": copyCommand,
			"rows": rowsCommand, "objects": objectsCommand, "called": calledCommand, "fails": failsCommand,
		},
	})
}

// What differs from run to run, and what stands for it in expected output.
var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\b01[0-9A-HJKMNP-TV-Z]{24}\b`), "01XXXXXXXXXXXXXXXXXXXXXXXX"},
	{regexp.MustCompile(`(?m)(✓.*?) {3}\d+\.\d s$`), "$1"}, // shown from 50 ms on only
	{regexp.MustCompile(`\b\d+\.\d s\b`), "#.# s"},
	{regexp.MustCompile(`\b20[2-9]\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?`), "TIME"},
	{regexp.MustCompile(`\bnext (Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d+ \w+ (\d{4} )?\d\d:\d\d`), "next DAY"},
	{regexp.MustCompile(`\(request [0-9a-f-]{36}\)`), "(request ID)"},
	{regexp.MustCompile(`\([0-9a-f]{10}\)`), "(COMMIT)"},
	{regexp.MustCompile(`next try \d\d:\d\d:\d\d`), "next try TIME"},
	{regexp.MustCompile(`,"millis":\d+`), ""},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "DIGEST"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`DuckDB version v[0-9.]+ \(build [0-9a-f]+\)`), "DuckDB"},
	{regexp.MustCompile(`(?m)[ \t]+$`), ""},
}

func masked(text, work string) string {
	text = strings.ReplaceAll(text, work, "$WORK")
	for _, m := range masks {
		text = m.pattern.ReplaceAllString(text, m.with)
	}
	return text
}

// mask FILE OUT writes a file ("stdout", "stderr") without what differs from
// run to run.
func maskCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "mask FILE OUT")
	text := masked(ts.ReadFile(args[0]), ts.Getenv("WORK"))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}

// capture NAME REGEXP sets an environment variable to the last match of the
// first group in standard output.
func captureCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "capture NAME REGEXP")
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	found := re.FindAllStringSubmatch(ts.ReadFile("stdout"), -1)
	if len(found) == 0 {
		ts.Fatalf("standard output has no match for %s", args[1])
	}
	ts.Setenv(args[0], found[len(found)-1][1])
}

// replace FILE OLD NEW edits a file in place.
func replaceCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "replace FILE OLD NEW")
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	text = strings.ReplaceAll(text, args[1], args[2])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// copy DIR TO copies a directory with everything in it.
func copyCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "copy DIR TO")
	ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(ts.MkAbs(args[0]))))
}

// rows FILE OUT writes the columns and rows of a Parquet, CSV or NDJSON file as
// the engine reads them, with NULL as ∅.
func rowsCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "rows FILE OUT")
	schema, rows, err := readRows(ts.MkAbs(args[0]), ts.MkAbs(filepath.Join(".tmp", "rows")))
	ts.Check(err)
	var b strings.Builder
	fmt.Fprintln(&b, schema)
	for _, r := range rows {
		fmt.Fprintln(&b, strings.Trim(fmt.Sprint(cells(r)), "[]"))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o600))
}

// objects DIR [BUCKET/KEY …] checks that exactly these objects stand in the
// buckets of a sandbox whose data directory is DIR, and that no multipart
// upload is open. Athena's results (lake-*) do not count.
func objectsCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 1, "objects DIR [BUCKET/KEY …]")
	dir := ts.MkAbs(args[0])
	got, err := partnerObjects(dir)
	ts.Check(err)
	if want := args[1:]; strings.Join(got, "\n") != strings.Join(want, "\n") {
		ts.Fatalf("the buckets hold %q, want %q", got, want)
	}
	open, err := openUploads(dir)
	ts.Check(err)
	if len(open) > 0 {
		ts.Fatalf("multipart uploads are still open: %q", open)
	}
}

// called DIR N OPERATION checks how often an operation was called by clients of
// the sandbox, whatever was answered.
func calledCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "called DIR N OPERATION")
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	calls, err := callsOf(filepath.Join(ts.MkAbs(args[0]), "journal.ndjson"), args[2])
	ts.Check(err)
	if len(calls) != want {
		ts.Fatalf("%s was called %d times, want %d: %+v", args[2], len(calls), want, calls)
	}
}

// fails CODE PROGRAM ARG … runs a program that must end with that exit code.
func failsCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 2, "fails CODE PROGRAM ARG …")
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		ts.Fatalf("want exit code %s, got %v", args[0], err)
	}
	if got := strconv.Itoa(exit.ExitCode()); got != args[0] {
		ts.Fatalf("want exit code %s, got %s", args[0], got)
	}
}

func usage(ts *testscript.TestScript, neg, ok bool, text string) {
	if neg || !ok {
		ts.Fatalf("usage: %s", text)
	}
}
