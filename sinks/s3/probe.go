package s3

import (
	"context"
	"fmt"

	"waybill/internal/objectstore"
	"waybill/internal/problem"
	"waybill/internal/proof"
	"waybill/sinks"
)

// Probe becomes who delivers and looks for the bucket. With traces it also
// begins an upload, which it aborts. See sinks.Prober.
func (s *sink) Probe(ctx context.Context, t proof.Trial) []proof.Proof {
	conn := s.cfg.connection()
	out := s.ids.Prove(ctx, &conn, s.cfg.Roles, t.Traces)
	if out[len(out)-1].Verdict == proof.Failed {
		return out
	}
	client, _, err := s.connect(ctx)
	if err != nil {
		return append(out, proof.Bad("identity", err))
	}
	bucket := s.proveBucket(ctx, client)
	out = append(out, bucket)
	if t.Traces && t.Key != "" && bucket.Verdict != proof.Failed {
		out = append(out, s.proveWrite(ctx, client, t.Key))
	}
	return out
}

// proveBucket looks whether the bucket is there, ours to write to, and in the
// region that requests are signed for.
func (s *sink) proveBucket(ctx context.Context, client *objectstore.Client) proof.Proof {
	if objectstore.IsAccessPoint(s.cfg.Bucket) {
		return proof.Good("bucket", "an access point, whose ARN tells its region")
	}
	region, err := client.HeadBucket(ctx, s.cfg.Bucket)
	if err != nil {
		return proof.Bad("bucket", err)
	}
	if region != client.Region() {
		p := problem.New("bucket-region-mismatch", fmt.Sprintf("the bucket %s is in %s, and requests are signed for %s", s.cfg.Bucket, region, client.Region()), nil)
		p.Remedy = []string{fmt.Sprintf("Set region = %q in the sink, or in its connection.", region)}
		return proof.Bad("bucket", p)
	}
	return proof.Good("bucket", fmt.Sprintf("s3://%s in %s", s.cfg.Bucket, region))
}

// proveWrite begins an upload and aborts it: nothing becomes visible, but the
// bucket's owner sees both in the audit log.
func (s *sink) proveWrite(ctx context.Context, client *objectstore.Client, key string) proof.Proof {
	as := run{sink: s, d: sinks.Delivery{ID: "probe"}, progress: newProgress(sinks.Delivery{})}
	if err := client.TryUpload(ctx, as.upload(sinks.Artifact{Key: key})); err != nil {
		return proof.Bad("write", err)
	}
	return proof.Good("write", fmt.Sprintf("an upload to s3://%s/%s was begun and aborted", s.cfg.Bucket, key))
}
