package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"waybill/internal/scaffold"
	"waybill/runner/compile"
)

// errUnasked ends a command whose questions nobody answers any more.
var errUnasked = refuse("stopped. Nothing was written.")

// answers are those of the flags, of the person at the terminal, or with
// --yes the defaults.
func (a *app) answers(ctx context.Context, dir string, f initFlags, regs compile.Registries) (scaffold.Answers, error) {
	answers := scaffold.Defaults()
	asks := !f.yes && a.interactive()
	var p *prompter
	var missing []scaffold.Question
	for _, q := range scaffold.Questions() {
		given := f.answers[q.Name]
		switch applies := q.Applies(answers); {
		case given != nil && !applies:
			return answers, mistake("--%s has no use here: it goes with %s", q.Name, q.Needs())
		case given != nil:
			q.Set(&answers, *given)
		case !applies, f.yes, q.Ask == "":
		case !asks:
			missing = append(missing, q)
		default:
			if p == nil {
				p = a.newPrompter(dir)
			}
			if err := p.ask(ctx, q, &answers, regs); err != nil {
				return answers, err
			}
		}
	}
	if len(missing) > 0 {
		return answers, unanswered(missing)
	}
	if p != nil {
		fmt.Fprintln(a.out)
	}
	return answers, nil
}

// unanswered is the usage error for questions that cannot be asked.
func unanswered(missing []scaffold.Question) error {
	width := 0
	for _, q := range missing {
		width = max(width, len(q.Name))
	}
	var b strings.Builder
	for _, q := range missing {
		fmt.Fprintf(&b, "\n  --%-*s  %s", width, q.Name, q.Default)
	}
	return mistake("init has questions, and there is no terminal to ask them on. Add --yes to take these defaults, or give the flags:\n%s", b.String())
}

// interactive reports whether somebody can be asked.
func (a *app) interactive() bool {
	in, ok := a.in.(*os.File)
	return ok && isTerminal(in) && a.tty
}

// A prompter asks questions, a line each. The terminal itself lets people
// correct what they type; screen readers and dumb terminals get plain text.
type prompter struct {
	*app
	lines <-chan string // closed at the end of input
}

func (a *app) newPrompter(dir string) *prompter {
	fmt.Fprintf(a.out, "A new project in %s. Enter takes what stands in brackets; Ctrl-C ends without writing anything.\n\n", where(dir))
	return &prompter{app: a, lines: readLines(a.in)}
}

// readLines reads ahead, so that waiting for a line can be given up: a read
// from a terminal cannot. What it left unread goes with the process.
func readLines(in io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for r := bufio.NewReader(in); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return // half a line, before the end of input, is no answer
			}
			lines <- strings.TrimSpace(line)
		}
	}()
	return lines
}

// ask puts a question until its answer is right.
func (p *prompter) ask(ctx context.Context, q scaffold.Question, answers *scaffold.Answers, regs compile.Registries) error {
	text := p.style.Bold(q.Ask)
	if q.Hint != "" {
		text += " " + q.Hint
	}
	for {
		fmt.Fprintf(p.out, "%s %s ", text, p.style.Faint("["+q.Default+"]"))
		answer, err := p.line(ctx)
		if err != nil {
			return err
		}
		if answer == "" {
			answer = q.Default
		}
		d, err := q.Check(answer, regs)
		if err != nil {
			return err
		}
		if d == nil {
			q.Set(answers, answer)
			return nil
		}
		fmt.Fprintf(p.out, "  %s %s\n", p.style.Red("✗"), strings.ReplaceAll(faultText(d), "\n", "\n  "))
	}
}

func (p *prompter) line(ctx context.Context) (string, error) {
	select {
	case line, ok := <-p.lines:
		if ok {
			return line, nil
		}
	case <-ctx.Done():
	}
	fmt.Fprintln(p.out)
	return "", errUnasked
}
