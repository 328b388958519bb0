package main

import (
	"strings"

	"waybill/internal/problem"
)

const errorsIntro = `# Errors

Every failure has a stable code. ` + "`waybill explain CODE`" + ` prints what stands here; the message of a failure adds the
names involved, and the exact policy statement where a permission is missing.

**Retried** says what a step's ` + "`retry`" + ` block does about it: *no*, the same attempt would fail again; *yes*, with growing
waits; *later*, after longer waits, because the other side asked for them.

`

// retried are the words for the classes of problems.
var retried = map[problem.Class]string{
	problem.Permanent: "no",
	problem.Transient: "yes",
	problem.Throttled: "later",
}

func errorsPage() string {
	p := &page{}
	p.WriteString(generated + errorsIntro)
	for _, code := range problem.Codes() {
		e := problem.Lookup(code)
		p.line("## %s\n", code)
		p.line("%s. Retried: %s.\n", sentence(e.Title), retried[e.Class])
		p.paragraph(e.Cause)
		for _, r := range e.Remedy {
			p.line("- %s", r)
		}
		if len(e.Remedy) > 0 {
			p.line("")
		}
	}
	return p.String()
}

// sentence begins a clause with a capital letter, unless its first word is a
// name that is written otherwise.
func sentence(clause string) string {
	if clause == "" {
		return ""
	}
	return strings.ToUpper(clause[:1]) + clause[1:]
}
