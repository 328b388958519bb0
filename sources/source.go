// Package sources defines what a source is. Each kind lives in a package of
// its own below this one; package all lists them.
package sources

import (
	"context"

	"waybill/internal/component"
	"waybill/internal/dataset"
	"waybill/internal/proof"
)

// A Source brings a relation's data onto the local disk.
//
// Extract blocks until the data is complete in req.Dir or has failed; there is
// no partial result. It may be called again after a failure or a restart, with
// the token that an earlier call saved, and then continues that work instead
// of starting it anew (it never starts a second query for one attempt). It
// owns no goroutine after it returns, and stops remote work that it started
// when ctx is cancelled. Errors are problems with a class.
type Source interface {
	Extract(ctx context.Context, req Request) (dataset.Dataset, error)
}

// A Request is one attempt at an extraction.
type Request struct {
	// Dir is an existing directory for this step's files alone. What a
	// previous attempt left there may be reused or removed.
	Dir string
	// Attempt identifies the attempt: the same after a crash, another one for
	// each retry. 32 to 64 characters of [a-z0-9-].
	Attempt string
	// Resume is what the last call for this attempt saved; nil at first.
	Resume []byte
	// Save stores a token durably. Work that must not be repeated is announced
	// by Save before it is waited for.
	Save func(ctx context.Context, token []byte) error
	// Limit is how many rows are wanted, of a run that only looks; 0: all. A source
	// that cannot bring fewer brings more.
	Limit int64
	// Progress may be called at any time, from any goroutine, and is cheap.
	Progress func(Progress)
	// Codec is how the pages of Parquet files would best be compressed ("zstd",
	// "snappy", "gzip", "none"), if the source has the choice; empty: it is all
	// the same. It is a wish and nothing more.
	Codec string
	// Leave wishes that a source which stages its data in S3 leaves it there,
	// says so by dataset.File.Origin, and is a Releaser.
	Leave bool
}

// A Releaser is a source that leaves data behind when it is asked to.
type Releaser interface {
	// Release removes what the origins of a dataset name, which Extract
	// returned. It may be called again. What is gone, or may not be removed, is
	// no error.
	Release(ctx context.Context, ds dataset.Dataset) error
}

// Progress says how far an extraction is. Zero totals mean unknown.
type Progress struct {
	Phase        string // "queued", "running", "downloading"
	Done, Total  int64  // bytes
	ScannedBytes int64
}

// Env is what a source may use of the world around it.
type Env struct {
	Root string // the project's directory; local paths resolve against it
}

// Kind is a kind of source as the registry knows it.
type Kind = component.Kind[Source, Env]

// Registry holds the kinds that the language knows.
type Registry = component.Registry[Source, Env]

// A Describer tells a source's schema without extracting data.
type Describer interface {
	Describe(ctx context.Context) (dataset.Schema, error)
}

// A Prober is a source that can try, before a run, whether it will be able to
// bring its data. It reads no rows and changes nothing.
type Prober interface {
	// Probe tries one thing after the other, and stops where the rest has no
	// sense without it. There is at least one proof; that of what the data comes
	// from has its columns.
	Probe(ctx context.Context, t proof.Trial) []proof.Proof
}

// A Waiter looks for something that a run waits for. Ready answers soon and
// changes nothing; an error that is not transient ends the wait.
type Waiter interface {
	Ready(ctx context.Context) (bool, error)
	// What names it for people: "s3://bucket/key".
	What() string
}

// WaiterKind is a kind of waiter as the registry knows it.
type WaiterKind = component.Kind[Waiter, Env]

// WaiterRegistry holds the kinds of `wait_for` that the language knows.
type WaiterRegistry = component.Registry[Waiter, Env]
