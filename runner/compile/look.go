package compile

// A Look is what can be told of a step without a run, for people to look at.
// What is not known is empty.
type Look struct {
	Place string // where a sink's files go: "s3://bucket"
	File  string // their name there, with what only a run knows as it is written: "delays/${run.date}.csv"
	Role  string // ARN of the role that a source or sink ends up with
	Warns bool   // a check that only warns
}

// acting is what a configuration offers to tell as whom its component works.
type acting interface{ Role() string }

// Looks tells what can be told of the pipeline's steps, by their addresses. It
// is empty if the definition cannot be evaluated without a run.
func (p *Pipeline) Looks() map[string]Look {
	out := map[string]Look{}
	b, diags := p.Sample()
	if diags.HasErrors() {
		return out
	}
	for address, r := range b.steps {
		var l Look
		switch r.step.Family {
		case Source:
			l.Role = roleOf(r.source.Config)
		case Check:
			l.Warns = r.severity.Severity == "warn"
		case Sink:
			l.Role = roleOf(r.sink.Config)
			l.Place = r.place()
			l.File = r.target.Outline(p.generation.Files[r.target.Range().Filename], "run", "file")
		}
		out[address] = l
	}
	return out
}

func roleOf(config any) string {
	if a, ok := config.(acting); ok {
		return a.Role()
	}
	return ""
}
