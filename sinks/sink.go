// Package sinks defines what a sink is. Each kind lives in a package of its
// own below this one; package all lists them.
package sinks

import (
	"context"
	"encoding/json"
	"time"

	"waybill/internal/component"
	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/internal/proof"
)

// A Sink hands finished artifacts over.
//
// Deliver is idempotent by delivery id and all or nothing for each object: an
// object is either there with the artifact's bytes or was not touched. Objects
// change in the order that package order keeps. It
// blocks, it may be called again after a failure or a crash with the intents
// that the ledger holds, and it settles those before anything else. On failure
// it undoes what is half done (aborts uploads) even when ctx is cancelled. It
// owns no goroutine after it returns. Errors are problems with a class.
type Sink interface {
	Deliver(ctx context.Context, d Delivery) (Receipt, error)
}

// A Delivery is a set of frozen artifacts on its way to one place.
type Delivery struct {
	ID       string // (pipeline, sink, slot) in one opaque text: the same in every attempt
	Pipeline string
	Sink     string // the sink's address, "sink.acme"
	Slot     time.Time
	Run      string

	Artifacts []Artifact // in order; data first, then at most one manifest, then at most one success file
	// IfExists says what happens to objects that stand where artifacts are to
	// go: one of the constants below; empty is Replace.
	IfExists string
	// Standing is what the ledger knows to stand at the destination by this
	// delivery's id, from earlier runs too.
	Standing []Object
	// Intents is what the ledger holds from earlier attempts, oldest first.
	Intents []Intent
	Ledger  Ledger
	// Progress may be called at any time, from any goroutine, and is cheap.
	Progress func(Progress)
	// Note may be called before Deliver returns, by one goroutine at a time, to
	// tell people who ask how the delivery was made: "S3 copied all of it". May
	// be nil.
	Note func(string)
}

// What becomes of objects that stand already where artifacts are to go.
const (
	Replace = "replace" // they are replaced
	Fail    = "fail"    // nothing is delivered, unless they are this delivery's own
	Skip    = "skip"    // nothing is delivered if the first one is there
)

// The roles of artifacts. Data has none.
const (
	Manifest = "manifest" // lists the data; goes up after it
	Success  = "success"  // says that all is there; goes up last, and out first
)

// An Artifact is a finished, verified file: its bytes never change again.
type Artifact struct {
	Key         string         `json:"key"`  // where it goes, within the sink's place
	Path        string         `json:"path"` // absolute local path
	Size        int64          `json:"size"`
	Rows        int64          `json:"rows"`
	SHA256      string         `json:"sha256"` // hex
	ContentType string         `json:"content_type"`
	Role        string         `json:"role,omitempty"` // "" for data, Manifest or Success
	Schema      dataset.Schema `json:"schema,omitempty"`
	// Origin is an object with the same bytes, which the destination may be asked
	// to copy; nil: none.
	Origin *dataset.Origin `json:"origin,omitempty"`
}

// An Intent is a durable announcement that an object is about to be written.
type Intent struct {
	Key      string `json:"key"`
	SHA256   string `json:"sha256"`
	Size     int64  `json:"size"`
	Role     string `json:"role,omitempty"`      // the artifact's
	UploadID string `json:"upload_id,omitempty"` // of a multipart upload that is or was open
	// Options is a fingerprint of what the upload was opened with, so that it
	// is not gone on with for a delivery that wants something else.
	Options string `json:"options,omitempty"`
	Settled bool   `json:"settled"`         // the object is there, or the upload is aborted
	Object  Object `json:"object,omitzero"` // set once the object is there
}

// An Object is what stands at the destination now.
type Object struct {
	Key      string `json:"key"`
	URL      string `json:"url"` // s3://bucket/key, or a file path
	Size     int64  `json:"size"`
	Rows     int64  `json:"rows"`
	SHA256   string `json:"sha256"`
	Checksum string `json:"checksum,omitempty"` // as the destination computed it, "crc64nvme:…"
	ETag     string `json:"etag,omitempty"`
	Version  string `json:"version,omitempty"`
	Role     string `json:"role,omitempty"` // the artifact's
}

// A Ledger makes a delivery's steps durable. Each call has returned before the
// step that it announces begins. Safe for concurrent use.
type Ledger interface {
	// Held fails once another process has taken the delivery over. It is asked
	// before each object is removed: what we would remove then is another's.
	Held(ctx context.Context) error
	// Intend records that an object, or an upload of it, is about to exist.
	Intend(ctx context.Context, in Intent) error
	// Settle records that the object of this key is there.
	Settle(ctx context.Context, obj Object) error
	// Aborted records that the upload is gone; with an empty uploadID, that a
	// plain put is known not to have happened.
	Aborted(ctx context.Context, key, uploadID string) error
	// Removed records that no object stands under the key any more.
	Removed(ctx context.Context, key string) error
}

// A Receipt tells what was delivered and as whom.
type Receipt struct {
	Objects  []Object `json:"objects"`
	Identity string   `json:"identity,omitempty"` // ARN that wrote them; empty for local files
	// Skipped says why nothing was delivered, by if_exists = "skip".
	Skipped string `json:"skipped,omitempty"`
}

// A Use is what a sink's block asks of it, as far as that decides which
// permissions it needs.
type Use struct {
	IfExists string
	Several  bool // there may be more than one file
	Success  bool // there is a success file
}

// Progress says how far a delivery is.
type Progress struct {
	Done, Total int64 // bytes
}

// A Planned sink has options that belong to a delivery: they are stored with
// its plan, and every attempt uses what was planned, whatever variables and the
// environment say by then. Who we are is not among them, nor is any secret.
type Planned interface {
	// Options is what the plan keeps.
	Options() (json.RawMessage, error)
	// WithOptions returns a sink that delivers with options that a plan kept.
	// It fails with "delivery-changed" if what they need is no longer there.
	WithOptions(kept json.RawMessage) (Sink, error)
}

// A Prober is a sink that can try, before a run, whether it will be able to
// deliver. Nothing at the destination changes.
type Prober interface {
	// Probe tries one thing after the other, and stops where the rest has no
	// sense without it. There is at least one proof.
	Probe(ctx context.Context, t proof.Trial) []proof.Proof
}

// A Verifier is a sink that can look at what stands at its destination. It
// changes nothing there, and may be called at any time.
type Verifier interface {
	// Verify compares what stands there with what was delivered. What it may not
	// read is a Finding, too; an error means that nothing could be found out,
	// as when the role cannot be assumed.
	Verify(ctx context.Context, v Verification) (Verified, error)
}

// A Verification asks about one delivery.
type Verification struct {
	ID      string   // of the delivery
	Objects []Object // as its receipt has them
	Intents []Intent // as the ledger holds them
	// Bytes has every byte read, where size and checksum would do.
	Bytes bool
}

// Verified is what a Verifier found.
type Verified struct {
	Identity string    // ARN that looked; empty for local files
	Findings []Finding // one for each object, in their order, then open uploads
}

// A Verdict is what became of an object.
type Verdict string

// The verdicts.
const (
	Same    Verdict = "same"    // as it was delivered
	Missing Verdict = "missing" // nothing stands there
	Changed Verdict = "changed" // something else stands there
	Unknown Verdict = "unknown" // it could not be looked at
	Open    Verdict = "open"    // an upload of ours that was neither completed nor aborted
)

// A Finding is what stands at one place.
type Finding struct {
	Key     string  `json:"key"`
	URL     string  `json:"url"`
	Verdict Verdict `json:"verdict"`
	// Differences say what has changed, in words.
	Differences []string `json:"differences,omitempty"`
	// Problem says why it could not be looked at.
	Problem  *problem.Problem `json:"problem,omitempty"`
	UploadID string           `json:"upload_id,omitempty"` // of an open upload
}

// Env is what a sink may use of the world around it.
type Env struct {
	Root string // the project's directory; local paths resolve against it
}

// Kind is a kind of sink as the registry knows it.
type Kind = component.Kind[Sink, Env]

// Registry holds the kinds that the language knows.
type Registry = component.Registry[Sink, Env]
