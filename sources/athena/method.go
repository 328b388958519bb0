package athena

import (
	"fmt"
	"slices"

	"waybill/internal/dataset"
	"waybill/internal/problem"
)

// How the rows are fetched; also the values of the attribute fetch.
const (
	methodAuto    = "auto"
	methodUnload  = "unload"
	methodResults = "results"
)

// tinyLimit is the LIMIT up to which a result file is the quicker way: one
// object to read instead of a manifest and several.
const tinyLimit = 10000

// choose decides how the rows are fetched.
//
// UNLOAD writes Parquet in parallel and keeps every type it has, so it is
// preferred. The result file is chosen where UNLOAD cannot serve: types that it
// lacks, columns without a name, managed results; and where it would lose what
// was asked for: an order, a reused result (an UNLOAD is never reused), the
// short way for a small LIMIT. Of these, nested columns outrank the second
// kind, because a result file cannot carry them at all.
func (x *extraction) choose(schema dataset.Schema) (string, error) {
	if err := checkNames(schema); err != nil {
		return "", err
	}
	switch x.cfg.Fetch {
	case methodUnload:
		return methodUnload, x.mayUnload(schema)
	case methodResults:
		return methodResults, unsupported(methodResults, schema, inResults)
	}
	if x.mayUnload(schema) != nil || (x.prefersResults() && fits(schema, inResults)) {
		return methodResults, unsupported(methodResults, schema, inResults)
	}
	return methodUnload, nil
}

func (x *extraction) prefersResults() bool {
	return x.cfg.ReuseResults > 0 || x.stmt.ordered || (x.stmt.limit >= 0 && x.stmt.limit <= tinyLimit)
}

// mayUnload says why the rows cannot be unloaded, or nil.
func (x *extraction) mayUnload(schema dataset.Schema) error {
	if x.tok.Place.Managed {
		p := problem.New("athena-output-missing", fmt.Sprintf("workgroup %s keeps results in Athena's own storage, so there is no place to unload to", x.cfg.Workgroup), nil)
		p.Cause = "UNLOAD writes to a bucket of yours, and a workgroup with managed results has none."
		p.Remedy = []string{`Set fetch = "results" or "auto".`, "Or use a workgroup that has a result location."}
		return p
	}
	for i, c := range schema {
		if unnamed.MatchString(c.Name) {
			p := problem.New("athena-syntax", fmt.Sprintf("column %d of the query has no name", i+1), nil)
			p.Cause = "UNLOAD needs a name for each column."
			p.Remedy = []string{"Give the expression a name with AS.", `Or set fetch = "results".`}
			return p
		}
	}
	return unsupported(methodUnload, schema, inUnload)
}

func fits(schema dataset.Schema, fit func(string) bool) bool {
	return !slices.ContainsFunc(schema, func(c dataset.Column) bool { return !fit(c.Type) })
}
