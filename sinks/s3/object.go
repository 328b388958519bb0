package s3

import (
	"context"
	"fmt"
	"net/url"

	"waybill/internal/identity"
	"waybill/internal/objectstore"
	"waybill/internal/problem"
	"waybill/sinks"
	"waybill/sinks/order"
)

// Actions lists the IAM actions on the sink's objects and, for s3:ListBucket,
// its bucket that a sink needs when it is used like this.
func (c Config) Actions(u sinks.Use) []string {
	actions := []string{"s3:PutObject", "s3:AbortMultipartUpload"}
	if len(c.Tags) > 0 {
		actions = append(actions, "s3:PutObjectTagging")
	}
	if c.ACL != "" && c.ACL != "bucket-owner-full-control" {
		actions = append(actions, "s3:PutObjectAcl")
	}
	if u.IfExists == sinks.Fail || u.IfExists == sinks.Skip {
		// Without the second S3 answers 403 for an object that is not there.
		actions = append(actions, "s3:GetObject", "s3:ListBucket")
	}
	if u.Success || u.Several {
		actions = append(actions, "s3:DeleteObject")
	}
	return actions
}

// Place implements order.Target.
func (r *run) Place(key string) string { return "s3://" + r.cfg.Bucket + "/" + key }

// Put implements order.Target.
func (r *run) Put(ctx context.Context, a sinks.Artifact, absent bool) (sinks.Object, error) {
	intent := sinks.Intent{Key: a.Key, SHA256: a.SHA256, Size: a.Size, Role: a.Role, Options: r.options}
	if err := r.d.Ledger.Intend(ctx, intent); err != nil {
		return sinks.Object{}, err
	}
	up := r.upload(a)
	up.Parallel, up.IfAbsent, up.Resume = r.parts, absent, r.resumable[a.Key]
	up.Opened = func(ctx context.Context, id string) error {
		intent := intent
		intent.UploadID = id
		return r.d.Ledger.Intend(ctx, intent)
	}
	up.Closed = func(ctx context.Context, id string) error { return r.d.Ledger.Aborted(ctx, a.Key, id) }
	done, err := r.client.Upload(ctx, up)
	if exists(err) {
		return r.own(ctx, a, err)
	}
	if err != nil {
		r.neverThere(ctx, a, err)
		return sinks.Object{}, err
	}
	r.copies.add(up, done)
	obj := r.object(a)
	obj.Checksum, obj.ETag, obj.Version = done.Checksum, done.ETag, done.Version
	return obj, r.settle(ctx, obj)
}

func exists(err error) bool {
	p := problem.As(err)
	return p != nil && p.Code == "object-exists"
}

// own is for an object that stands where we were to put one if nothing did: it
// may be what we sent ourselves, in an answer that was lost.
func (r *run) own(ctx context.Context, a sinks.Artifact, refused error) (sinks.Object, error) {
	obj, _, ours, err := r.Look(ctx, a)
	if err != nil || !ours {
		r.neverThere(ctx, a, refused)
		return sinks.Object{}, order.Exists(r.Place(a.Key))
	}
	return obj, r.settle(ctx, obj)
}

func (r *run) object(a sinks.Artifact) sinks.Object {
	return sinks.Object{Key: a.Key, URL: r.Place(a.Key), Size: a.Size, Rows: a.Rows, SHA256: a.SHA256, Role: a.Role}
}

func (r *run) settle(ctx context.Context, obj sinks.Object) error {
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	return r.d.Ledger.Settle(own, obj)
}

// neverThere records that a put which S3 refused left nothing. A put whose end
// nobody saw stays announced: something may stand there.
func (r *run) neverThere(ctx context.Context, a sinks.Artifact, err error) {
	if p := problem.As(err); p == nil || p.Class != problem.Permanent || p.Code == "cancelled" {
		return
	}
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	_ = r.d.Ledger.Aborted(own, a.Key, "") // then it is looked upon as perhaps there
}

// Look implements order.Target: what we delivered says so in its metadata.
func (r *run) Look(ctx context.Context, a sinks.Artifact) (sinks.Object, bool, bool, error) {
	info, err := r.client.Head(ctx, r.cfg.Bucket, a.Key)
	if p := problem.As(err); p != nil && p.Code == "object-not-found" {
		return sinks.Object{}, false, false, nil
	}
	if err != nil {
		return sinks.Object{}, false, false, r.lookProblem(err)
	}
	obj := r.object(a)
	obj.ETag, obj.Version = info.ETag, info.Version
	ours := info.Metadata[reservedMetadata+"delivery"] == url.PathEscape(r.d.ID) && info.Metadata[reservedMetadata+"sha256"] == a.SHA256 && info.Size == a.Size
	return obj, true, ours, nil
}

// lookProblem says which permissions a look takes: S3 tells only of the object.
func (r *run) lookProblem(err error) error {
	p := problem.As(err)
	if p == nil || p.Code != "bucket-access-denied" {
		return err
	}
	out := *p
	out.Cause = fmt.Sprintf("if_exists = %q looks at what stands in the bucket before anything is sent. That takes s3:GetObject on the keys and s3:ListBucket on the bucket: without the second, S3 answers 403 even where nothing stands. Nothing was sent.", r.d.IfExists)
	arn := objectstore.BucketARN(r.cfg.Bucket, r.client.Region())
	out.Snippet = identity.AllowStatement(arn+"/*", "s3:GetObject") + ",\n" + identity.AllowStatement(arn, "s3:ListBucket")
	return &out
}

// Remove implements order.Target.
func (r *run) Remove(ctx context.Context, key string) error {
	return r.client.Delete(ctx, r.cfg.Bucket, key)
}

// CanRemove implements order.Target. S3 has no dry run, so it removes a name
// beside the key that nobody writes; S3 answers as if it had been there.
func (r *run) CanRemove(ctx context.Context, key string) error {
	return r.client.Delete(ctx, r.cfg.Bucket, key+".waybill-probe")
}
