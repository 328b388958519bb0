package tests

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"waybill/runner/compile"
)

// String tells a failure with its place and the lines that show it.
func (f Failure) String() string {
	out := fmt.Sprintf("%s  %s %s", f.Where, f.Subject, f.Summary)
	if f.Text != "" {
		out += "\n  " + strings.ReplaceAll(f.Text, "\n", "\n  ")
	}
	return out
}

// Coverage is how much of a pipeline tests look at.
type Coverage struct {
	Pipeline *compile.Pipeline
	Covered  int             // steps
	Missing  []*compile.Step // in the order in which they run
}

// Percent is the covered part of some pipelines' steps; 100 if there are none.
func Percent(all []Coverage) float64 {
	covered, steps := 0, 0
	for _, c := range all {
		covered += c.Covered
		steps += c.Covered + len(c.Missing)
	}
	if steps == 0 {
		return 100
	}
	return 100 * float64(covered) / float64(steps)
}

// Cover counts, for each pipeline of a suite, the steps that some test's
// expectations depend on. See Result.Covered.
func Cover(s *Suite, results []Result) []Coverage {
	seen := map[string]bool{}
	for _, r := range results {
		for _, address := range r.Covered {
			seen[r.Test.Pipeline.Name+"\x00"+address] = true
		}
	}
	out := make([]Coverage, len(s.Pipelines))
	for i, p := range s.Pipelines {
		out[i].Pipeline = p
		for _, step := range p.Steps {
			if seen[p.Name+"\x00"+step.Address] {
				out[i].Covered++
			} else {
				out[i].Missing = append(out[i].Missing, step)
			}
		}
	}
	return out
}

// The elements of a JUnit report, as Jenkins and GitLab read them.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		Classname string        `xml:"classname,attr"`
		File      string        `xml:"file,attr"`
		Line      int           `xml:"line,attr"`
		Time      string        `xml:"time,attr"`
		Failure   *junitFailure `xml:"failure"`
		Skipped   *struct{}     `xml:"skipped"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",cdata"`
	}
)

// WriteJUnit writes results as a JUnit report: a suite for each file.
func WriteJUnit(w io.Writer, results []Result) error {
	all := junitSuites{Name: "waybill"}
	var total, perSuite time.Duration
	for _, r := range results {
		if n := len(all.Suites); n == 0 || all.Suites[n-1].Name != r.Test.File {
			all.Suites = append(all.Suites, junitSuite{Name: r.Test.File})
			perSuite = 0
		}
		suite := &all.Suites[len(all.Suites)-1]
		total, perSuite = total+r.Took, perSuite+r.Took
		suite.add(r)
		suite.Time = seconds(perSuite)
	}
	for _, s := range all.Suites {
		all.Tests, all.Failures, all.Skipped = all.Tests+s.Tests, all.Failures+s.Failures, all.Skipped+s.Skipped
	}
	all.Time = seconds(total)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (s *junitSuite) add(r Result) {
	c := junitCase{Name: r.Test.Name, Classname: r.Test.File, File: r.Test.File, Line: r.Test.Line, Time: seconds(r.Took)}
	s.Tests++
	switch {
	case r.Skipped:
		c.Skipped = &struct{}{}
		s.Skipped++
	case len(r.Failures) > 0:
		s.Failures++
		texts := make([]string, len(r.Failures))
		for i, f := range r.Failures {
			texts[i] = f.String()
		}
		first := r.Failures[0]
		c.Failure = &junitFailure{Message: first.Subject + " " + first.Summary, Type: "failure", Text: printable(strings.Join(texts, "\n\n"))}
	}
	s.Cases = append(s.Cases, c)
}

// printable replaces what XML cannot hold.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
