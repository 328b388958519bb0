// Package wire is the language that a compute job's two sides speak: one JSON
// value per line, the parent's requests on the child's standard input, the
// child's replies on its standard output. One request is answered before the
// next is sent; before the answer any number of progress replies may come, and
// questions, which the parent answers at once.
package wire

import (
	"encoding/json"

	"waybill/internal/dataset"
	"waybill/internal/problem"
)

// The methods, which are those of engine.Job. MethodOpen comes first and once.
const (
	MethodOpen    = "open"
	MethodAttach  = "attach"
	MethodDefine  = "define"
	MethodJudge   = "judge"
	MethodVet     = "vet"
	MethodCount   = "count"
	MethodHash    = "hash"
	MethodFreeze  = "freeze"
	MethodExport  = "export"
	MethodPreview = "preview"

	MethodExportFiles = "export_files"
	MethodFooter      = "footer"
	MethodAccept      = "accept"

	// MethodKey is no request but the answer to a reply that asks.
	MethodKey = "key"
)

// A Request asks for one method.
type Request struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// A Reply is progress, a question, or the end of a request: a result or a
// problem.
type Reply struct {
	Progress *float64         `json:"progress,omitempty"` // percent; more replies follow
	Ask      *File            `json:"ask,omitempty"`      // for the file's key; MethodKey answers, and more replies follow
	Result   json.RawMessage  `json:"result,omitempty"`
	Problem  *problem.Problem `json:"problem,omitempty"`
	At       *Position        `json:"at,omitempty"` // of the problem, where it is known
}

// Position mirrors engine.Position.
type Position struct {
	Offset int `json:"offset"`
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Open are the limits of a job.
type Open struct {
	Dir         string   `json:"dir"`
	ReadDirs    []string `json:"read_dirs"`
	WriteDirs   []string `json:"write_dirs"`
	MemoryLimit int64    `json:"memory_limit"`
	Threads     int      `json:"threads"`
	MaxTempSize int64    `json:"max_temp_size"`
}

// Attach has the directory beside the dataset, whose own JSON leaves it out.
type Attach struct {
	Name    string          `json:"name"`
	Dir     string          `json:"dir"`
	Dataset dataset.Dataset `json:"dataset"`
}

// Define are the parameters of MethodDefine, of MethodJudge and, without a name,
// of MethodVet.
type Define struct {
	Name      string   `json:"name"`
	Query     string   `json:"query"`
	Relations []string `json:"relations"`
}

// Named are the parameters of the methods that work on one relation.
type Named struct {
	Name  string `json:"name"`
	Dir   string `json:"dir,omitempty"`   // of MethodFreeze
	Limit int    `json:"limit,omitempty"` // of MethodPreview
}

// Footer are the parameters of MethodFooter.
type Footer struct {
	Path string `json:"path"`
}

// A File is one of those that an export makes.
type File struct {
	Number    int    `json:"number"`
	Partition string `json:"partition"`
}

// Key are the parameters of MethodKey: where a file is to go, or why that
// cannot be told.
type Key struct {
	Key     string           `json:"key"`
	Problem *problem.Problem `json:"problem,omitempty"`
}

// Rows is the result of MethodPreview.
type Rows struct {
	Schema dataset.Schema `json:"schema"`
	Rows   [][]*string    `json:"rows"`
}
