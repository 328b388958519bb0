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

	"golang.org/x/sync/errgroup"

	"waybill/internal/identity"
	"waybill/internal/objectstore"
	"waybill/internal/problem"
	"waybill/sinks"
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
// It first ends what earlier attempts left open, and needs no permission but
// s3:PutObject and s3:AbortMultipartUpload: what stands in the bucket is known
// from the ledger, never by looking.
func (s *sink) Deliver(ctx context.Context, d sinks.Delivery) (sinks.Receipt, error) {
	if err := checkKeys(d.Artifacts); err != nil {
		return sinks.Receipt{}, err
	}
	client, arn, err := s.connect(ctx)
	if err != nil {
		return sinks.Receipt{}, err
	}
	r := &run{sink: s, client: client, d: d, progress: newProgress(d)}
	if r.resumable, err = r.findResumable(); err != nil {
		return sinks.Receipt{}, err
	}
	if err := r.endOrphans(ctx); err != nil {
		return sinks.Receipt{}, err
	}
	objects, err := r.putAll(ctx)
	if err != nil {
		return sinks.Receipt{}, err
	}
	return sinks.Receipt{Objects: objects, Identity: arn}, nil
}

// connect becomes who we are to be. Credentials are asked for here, before
// anything is announced, so that a role that refuses us leaves no trace.
func (s *sink) connect(ctx context.Context) (*objectstore.Client, string, error) {
	conn := identity.Config{}
	if s.cfg.Connection != nil {
		conn = *s.cfg.Connection
	}
	if s.cfg.Region != "" {
		conn.Region = s.cfg.Region
	}
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
	options  string // fingerprint
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

// putAll sends what is not there yet, some objects side by side, and returns
// all objects in the order of the artifacts.
func (r *run) putAll(ctx context.Context) ([]sinks.Object, error) {
	there := delivered(r.d.Intents)
	objects := make([]sinks.Object, len(r.d.Artifacts))
	var missing []int
	for i, a := range r.d.Artifacts {
		if obj, ok := there[a.Key]; ok && obj.SHA256 == a.SHA256 && obj.Size == a.Size {
			objects[i] = obj
			r.progress.add(a.Size)
			continue
		}
		missing = append(missing, i)
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(objectsAtOnce)
	parts := partsAtOnce / max(1, min(objectsAtOnce, len(missing)))
	for _, i := range missing {
		group.Go(func() (err error) {
			if gctx.Err() != nil {
				return gctx.Err() // another object failed first
			}
			objects[i], err = r.put(gctx, r.d.Artifacts[i], parts)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, asProblem(ctx, err)
	}
	return objects, nil
}

// asProblem gives a cancellation that came before anything was sent its code.
func asProblem(ctx context.Context, err error) error {
	if problem.As(err) == nil && ctx.Err() != nil {
		return problem.New("cancelled", "the delivery was cancelled", ctx.Err())
	}
	return err
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

// put announces an object, sends it and records that it is there.
func (r *run) put(ctx context.Context, a sinks.Artifact, parts int) (sinks.Object, error) {
	intent := sinks.Intent{Key: a.Key, SHA256: a.SHA256, Size: a.Size, Options: r.options}
	if err := r.d.Ledger.Intend(ctx, intent); err != nil {
		return sinks.Object{}, err
	}
	up := r.upload(a)
	up.Parallel, up.Resume = parts, r.resumable[a.Key]
	up.Opened = func(ctx context.Context, id string) error {
		intent := intent
		intent.UploadID = id
		return r.d.Ledger.Intend(ctx, intent)
	}
	up.Closed = func(ctx context.Context, id string) error { return r.d.Ledger.Aborted(ctx, a.Key, id) }
	done, err := r.client.Upload(ctx, up)
	if err != nil {
		return sinks.Object{}, err
	}
	obj := sinks.Object{Key: a.Key, URL: "s3://" + r.cfg.Bucket + "/" + a.Key, Size: a.Size, Rows: a.Rows, SHA256: a.SHA256,
		Checksum: done.Checksum, ETag: done.ETag, Version: done.Version}
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	return obj, r.d.Ledger.Settle(own, obj)
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
