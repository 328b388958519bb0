package s3

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"waybill/internal/identity"
	"waybill/internal/objectstore"
	"waybill/internal/problem"
	"waybill/sinks"
	"waybill/sinks/order"
)

const (
	// objectsAtOnce and partsAtOnce bound what one delivery holds in memory:
	// partsAtOnce parts, shared by the objects that go up side by side.
	objectsAtOnce = 4
	partsAtOnce   = 8
	// recordTimeout bounds the record of an object that is there, which is
	// made even if the delivery was cancelled meanwhile.
	recordTimeout = 30 * time.Second
)

type sink struct {
	cfg Config
	ids *identity.Identities
}

// Deliver puts the artifacts into the bucket. See sinks.Sink.
//
// It first ends what earlier attempts left open. A plain delivery needs no
// permission but s3:PutObject and s3:AbortMultipartUpload: what stands in the
// bucket is known from the ledger, not by looking. See Config.Actions for what
// needs more.
func (s *sink) Deliver(ctx context.Context, d sinks.Delivery) (sinks.Receipt, error) {
	if err := checkKeys(d.Artifacts); err != nil {
		return sinks.Receipt{}, err
	}
	client, arn, err := s.connect(ctx)
	if err != nil {
		return sinks.Receipt{}, err
	}
	r := &run{sink: s, client: client, d: d, progress: newProgress(d), parts: partsAtOnce / max(1, min(objectsAtOnce, len(d.Artifacts)))}
	if r.resumable, err = r.findResumable(); err != nil {
		return sinks.Receipt{}, err
	}
	if err := r.endOrphans(ctx); err != nil {
		return sinks.Receipt{}, err
	}
	r.countThere()
	receipt, err := order.Deliver(ctx, d, r, objectsAtOnce)
	if err != nil {
		return sinks.Receipt{}, err
	}
	receipt.Identity = arn
	r.copies.tell(d.Note)
	return receipt, nil
}

// connect becomes who we are to be. Credentials are asked for here, before
// anything is announced, so that a role that refuses us leaves no trace.
func (s *sink) connect(ctx context.Context) (*objectstore.Client, string, error) {
	conn := s.cfg.connection()
	cfg, err := s.ids.AWSConfig(ctx, &conn, s.cfg.Roles)
	if err != nil {
		return nil, "", err
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return nil, "", identity.Classify(err)
	}
	// The name is for the receipt and for remedies. That it cannot be had is no
	// reason not to deliver.
	arn, _ := s.ids.WhoAmI(ctx, &conn, s.cfg.Roles)
	o, err := s.cfg.clientOptions(objectstore.OptionsOf(&conn))
	if err != nil {
		return nil, "", err
	}
	o.Identity = arn
	o.Where = "" // what S3 refuses is the sink's affair, and the run knows where that stands
	return objectstore.New(cfg, o), arn, nil
}

// checkKeys refuses what S3 would refuse, and what would replace itself.
func checkKeys(artifacts []sinks.Artifact) error {
	seen := map[string]bool{}
	for _, a := range artifacts {
		if a.Key == "" || len(a.Key) > 1024 || !utf8.ValidString(a.Key) {
			return problem.New("key-invalid", fmt.Sprintf("%q cannot be an object's key", a.Key), nil)
		}
		if seen[a.Key] {
			return problem.New("key-collision", fmt.Sprintf("two files of this delivery have the key %s", a.Key), nil)
		}
		seen[a.Key] = true
	}
	return nil
}

// A run is one call of Deliver.
type run struct {
	*sink
	client   *objectstore.Client
	d        sinks.Delivery
	progress *progress
	parts    int    // of one object at once
	options  string // fingerprint
	copies   copies
	// resumable are the uploads that a dead process left open and that can be
	// gone on with, by key.
	resumable map[string]string
}

// endOrphans aborts the uploads that earlier attempts opened and did not see
// the end of, but for those that are resumed.
func (r *run) endOrphans(ctx context.Context) error {
	for _, in := range r.d.Intents {
		if in.UploadID == "" || in.Settled || r.resumable[in.Key] == in.UploadID {
			continue
		}
		if err := r.client.Abort(ctx, r.cfg.Bucket, in.Key, in.UploadID); err != nil {
			return err
		}
		if err := r.d.Ledger.Aborted(ctx, in.Key, in.UploadID); err != nil {
			return err
		}
	}
	return nil
}

// delivered are the objects that the ledger knows to be there, by key.
func delivered(intents []sinks.Intent) map[string]sinks.Object {
	there := map[string]sinks.Object{}
	for _, in := range intents {
		if in.Settled && in.Object.Key != "" {
			there[in.Key] = in.Object
		}
	}
	return there
}

func (r *run) upload(a sinks.Artifact) objectstore.Upload {
	up := objectstore.Upload{
		Bucket: r.cfg.Bucket, Key: a.Key, Path: a.Path, Size: a.Size, SHA256: a.SHA256,
		ContentType: a.ContentType, Metadata: r.metadata(a), Tags: r.cfg.Tags,
		StorageClass: r.cfg.StorageClass, ACL: r.cfg.ACL, Checksum: r.cfg.Checksum, Progress: r.progress.add,
	}
	if r.cfg.ContentType != "" {
		up.ContentType = r.cfg.ContentType
	}
	if e := r.cfg.Encryption; e != nil && e.SSE != sseCustomer {
		up.SSE, up.KMSKeyID = e.SSE, e.KMSKeyID
	}
	if from := a.Origin; from != nil && from.Identity != "" && from.Identity == r.cfg.CopiesAs() {
		up.From = &objectstore.Source{Bucket: from.Bucket, Key: from.Key, ETag: from.ETag, Version: from.Version, ExpectedOwner: from.Owner}
	}
	return up
}

// metadata names the delivery on the object. It is made from what every
// attempt has in common, so that a retry writes the same object again.
func (r *run) metadata(a sinks.Artifact) map[string]string {
	m := maps.Clone(r.cfg.Metadata)
	if m == nil {
		m = map[string]string{}
	}
	m[reservedMetadata+"delivery"] = url.PathEscape(r.d.ID)
	m[reservedMetadata+"sha256"] = a.SHA256
	m[reservedMetadata+"rows"] = strconv.FormatInt(a.Rows, 10)
	return m
}

// countThere lets the progress begin with what is there already.
func (r *run) countThere() {
	there := map[string]string{}
	for _, in := range r.d.Intents {
		if in.Settled && in.Object.Key != "" {
			there[in.Key] = in.SHA256
		}
	}
	for _, a := range r.d.Artifacts {
		if sum, ok := there[a.Key]; ok && sum == a.SHA256 {
			r.progress.add(a.Size)
		}
	}
}

// progress adds up the bytes of a delivery. Parts that are sent twice do not
// count twice.
type progress struct {
	total int64
	done  atomic.Int64
	tell  func(sinks.Progress)
}

func newProgress(d sinks.Delivery) *progress {
	p := &progress{tell: d.Progress}
	for _, a := range d.Artifacts {
		p.total += a.Size
	}
	return p
}

func (p *progress) add(n int64) {
	done := min(p.done.Add(n), p.total)
	if p.tell != nil {
		p.tell(sinks.Progress{Done: done, Total: p.total})
	}
}

// asProblem gives a cancellation that came before anything was sent its code.
func asProblem(ctx context.Context, err error) error {
	if problem.As(err) == nil && ctx.Err() != nil {
		return problem.New("cancelled", "the delivery was cancelled", ctx.Err())
	}
	return err
}
