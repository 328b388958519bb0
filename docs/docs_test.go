// Package docs_test runs what the documentation shows.
//
// A page tells a story, from top to bottom, in an empty directory of its own.
// A fenced block may take part in it by what stands behind its language:
//
//	```hcl file=waybill.hcl     writes that file
//	```console run              runs the commands that follow "$ "
//
// What stands below a command is what it prints, where … stands for any text
// in a line, and alone in a line for any lines. A command that is meant to fail
// ends with "# exit 1".
package docs_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"waybill/config"
	"waybill/internal/sandbox"
	"waybill/runner/compile"
	"waybill/runner/compile/compiletest"
	"waybill/runner/daemon"
)

// A block is a fenced block of a page.
type block struct {
	line     int
	language string
	file     string // that it is, or empty
	run      bool
	text     string
}

var fence = regexp.MustCompile("(?ms)^```([a-z]*)([^\n`]*)\n(.*?)^```$")

func blocks(t *testing.T, page string) []block {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var out []block
	for _, m := range fence.FindAllSubmatchIndex(text, -1) {
		b := block{line: 1 + bytes.Count(text[:m[0]], []byte("\n")), language: string(text[m[2]:m[3]]), text: string(text[m[6]:m[7]])}
		for word := range strings.FieldsSeq(string(text[m[4]:m[5]])) {
			name, isFile := strings.CutPrefix(word, "file=")
			switch {
			case isFile:
				b.file = name
			case word == "run":
				b.run = true
			default:
				t.Errorf("%s:%d: the block says %q, want file=… or run", page, b.line, word)
			}
		}
		out = append(out, b)
	}
	return out
}

// allPages are the pages written by hand. Those that are generated have tests
// of their own.
func allPages(t *testing.T) []string {
	t.Helper()
	pages := []string{"../README.md", "../CONTRIBUTING.md"}
	for _, pattern := range []string{"*.md", "decisions/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	return pages
}

// programs is the directory that waybill was built into.
var programs string

// TestMain builds waybill, so that pages are told by the real one.
func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "waybill-docs-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", filepath.Join(dir, "waybill"), "waybill/cmd/waybill")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building waybill:", err)
		return 1
	}
	programs = dir
	return m.Run()
}

func TestPagesDoWhatTheySay(t *testing.T) {
	for _, page := range allPages(t) {
		t.Run(strings.TrimSuffix(filepath.Base(page), ".md"), func(t *testing.T) {
			t.Parallel()
			s := &story{page: page, dir: t.TempDir()}
			for _, b := range blocks(t, page) {
				s.tell(t, b)
			}
			s.check(t)
		})
	}
}

// A story is one page being followed.
type story struct {
	page, dir       string
	config, sandbox bool // the page has files of that kind
}

func (s *story) tell(t *testing.T, b block) {
	switch {
	case b.file != "":
		name := filepath.Join(s.dir, filepath.FromSlash(b.file))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(b.text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.config = s.config || config.IsConfig(b.file)
		s.sandbox = s.sandbox || strings.HasSuffix(b.file, sandbox.FileSuffix)
	case b.language == "hcl":
		t.Errorf("%s:%d: an HCL block without file=… is not tested", s.page, b.line)
	case b.run:
		s.runAll(t, b)
	}
}

// check compiles what the page has written, which must be flawless.
func (s *story) check(t *testing.T) {
	if s.sandbox {
		if _, diags := sandbox.Load(s.dir); len(diags) > 0 {
			t.Errorf("%s: the sandbox files: %v", s.page, diags)
		}
	}
	if !s.config {
		return
	}
	tree, err := config.ReadTree(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	regs := compiletest.Registries()
	empty := config.Vars{LookupEnv: func(string) (string, bool) { return "", false }}
	if _, _, diags := compile.Compile(tree, empty, regs); len(diags) > 0 {
		t.Errorf("%s: the project: %v", s.page, diags)
	}
}

// A command is a line of a console with what it is meant to print.
type command struct {
	text string
	exit int
	want []string
}

func commands(text string) []command {
	var out []command
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if c, ok := strings.CutPrefix(line, "$ "); ok {
			next := command{text: c}
			if before, code, ok := strings.Cut(c, "# exit "); ok {
				next.text = strings.TrimSpace(before)
				next.exit, _ = strconv.Atoi(code)
			}
			out = append(out, next)
		} else if len(out) > 0 {
			out[len(out)-1].want = append(out[len(out)-1].want, line)
		}
	}
	return out
}

func (s *story) runAll(t *testing.T, b block) {
	for _, c := range commands(b.text) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		got, exit := s.shell(ctx, t, c.text)
		cancel()
		if exit != c.exit {
			t.Errorf("%s:%d: %s ended with %d, want %d:\n%s", s.page, b.line, c.text, exit, c.exit, got)
		}
		if len(c.want) > 0 && !pattern(c.want).MatchString(tidy(got)) {
			t.Errorf("%s:%d: %s printed\n%s\nwant\n%s", s.page, b.line, c.text, got, strings.Join(c.want, "\n"))
		}
	}
}

// shell runs a command as a reader would, without the credentials of whoever
// runs the tests.
func (s *story) shell(ctx context.Context, t *testing.T, text string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(ctx, "sh", "-c", text)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + programs + ":" + os.Getenv("PATH"), "HOME=" + s.dir, "TMPDIR=" + os.TempDir(),
		"AWS_EC2_METADATA_DISABLED=true", "NO_COLOR=1"}
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(fmt.Errorf("%s: %w", text, err))
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// tidy removes what cannot be seen: spaces at the ends of lines.
func tidy(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// pattern makes an expression of what a console shows.
func pattern(lines []string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`^`)
	for _, l := range lines {
		if l == "…" {
			b.WriteString(`(?:.*\n)*?`)
			continue
		}
		b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(strings.TrimRight(l, " ")), "…", `.*`) + `\n`)
	}
	return regexp.MustCompile(b.String() + `$`)
}

func TestPatternsOfOutput(t *testing.T) {
	for _, tt := range []struct {
		shown, printed string
		want           bool
	}{
		{"a\nb", "a\nb\n", true},
		{"a\nb", "a\nc\n", false},
		{"took … ms", "took 12 ms\n", true},
		{"a\n…\nz", "a\nb\nc\nz\n", true},
		{"a\n…", "a\n", true},
		{"a.c", "abc\n", false},
		{"a", "a   \n\n", true},
	} {
		if got := pattern(strings.Split(tt.shown, "\n")).MatchString(tidy(tt.printed)); got != tt.want {
			t.Errorf("%q shown, %q printed: %v, want %v", tt.shown, tt.printed, got, tt.want)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	pages := append(allPages(t), "reference/language.md", "reference/sandbox.md", "../CHANGELOG.md")
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), string(m[1]))); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", page, m[1])
			}
		}
	}
}

// collected is a registry that only notes what is registered.
type collected struct{ names []string }

var metricName = regexp.MustCompile(`fqName: "([^"]+)"`)

func (c *collected) Register(m prometheus.Collector) error {
	descs := make(chan *prometheus.Desc, 8)
	m.Describe(descs)
	close(descs)
	for d := range descs {
		c.names = append(c.names, metricName.FindStringSubmatch(d.String())[1])
	}
	return nil
}

func (c *collected) MustRegister(all ...prometheus.Collector) {
	for _, m := range all {
		_ = c.Register(m) // never fails
	}
}

func (c *collected) Unregister(prometheus.Collector) bool { return false }

func TestMetricsAreListed(t *testing.T) {
	page, err := os.ReadFile("daemon.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(waybill_[a-z_]+)` \\|").FindAllSubmatch(page, -1) {
		listed = append(listed, string(m[1]))
	}
	var there collected
	daemon.NewMetrics(&there)
	slices.Sort(listed)
	slices.Sort(there.names)
	if !slices.Equal(listed, there.names) {
		t.Errorf("daemon.md lists\n%v\nthere are\n%v", listed, there.names)
	}
}

var flag = regexp.MustCompile("`(?:waybill [^`]*)?(--[a-z][a-z-]+)")

// A flag that a page names must be one of some verb's, in its help.
func TestFlagsExist(t *testing.T) {
	var help bytes.Buffer
	for _, verb := range []string{"init", "validate", "plan", "probe", "iam policy", "iam trust", "iam all", "test", "run", "serve", "runs list", "runs show", "runs retry", "runs cancel", "verify", "inspect", "sandbox", "demo", "graph", "schema", "explain"} {
		cmd := exec.Command(filepath.Join(programs, "waybill"), append(strings.Fields(verb), "--help")...)
		cmd.Stdout = &help
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s --help: %v", verb, err)
		}
	}
	for _, page := range allPages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range flag.FindAllSubmatch(text, -1) {
			if !bytes.Contains(help.Bytes(), append(m[1], ' ')) {
				t.Errorf("%s names the flag %s, which no verb has", page, m[1])
			}
		}
	}
}
