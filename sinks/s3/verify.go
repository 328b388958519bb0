package s3

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"waybill/internal/objectstore"
	"waybill/internal/problem"
	"waybill/sinks"
)

// looksAtOnce bounds how many objects are looked at side by side.
const looksAtOnce = 8

// Verify looks at the objects with the sink's own identity: HEAD, and GET where
// the bytes are asked for. See sinks.Verifier.
func (s *sink) Verify(ctx context.Context, v sinks.Verification) (sinks.Verified, error) {
	client, arn, err := s.connect(ctx)
	if err != nil {
		return sinks.Verified{}, err
	}
	look := &looker{client: client, v: v}
	out := sinks.Verified{Identity: arn, Findings: make([]sinks.Finding, len(v.Objects))}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(looksAtOnce)
	for i, obj := range v.Objects {
		group.Go(func() (err error) {
			out.Findings[i], err = look.at(gctx, obj)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return sinks.Verified{}, asProblem(ctx, err)
	}
	open, err := look.openUploads(ctx, s.cfg.Bucket)
	out.Findings = append(out.Findings, open...)
	return out, err
}

// A looker is one call of Verify.
type looker struct {
	client *objectstore.Client
	v      sinks.Verification
}

// at looks at one object, where it was delivered to.
func (l *looker) at(ctx context.Context, obj sinks.Object) (sinks.Finding, error) {
	f := sinks.Finding{Key: obj.Key, URL: obj.URL, Verdict: sinks.Same}
	bucket := bucketOf(obj)
	info, err := l.client.Head(ctx, bucket, obj.Key)
	if err != nil {
		return withoutLook(f, err)
	}
	f.Differences = l.differences(obj, info)
	if l.v.Bytes && len(f.Differences) == 0 {
		sum, size, err := l.client.Digest(ctx, bucket, obj.Key)
		if err != nil {
			return withoutLook(f, err)
		}
		if size != obj.Size || sum != obj.SHA256 {
			f.Differences = []string{fmt.Sprintf("its bytes have the SHA-256 %s instead of %s", sum, obj.SHA256)}
		}
	}
	if len(f.Differences) > 0 {
		f.Verdict = sinks.Changed
	}
	return f, nil
}

// bucketOf is the bucket that an object was delivered to, which need not be the
// one that the sink leads to now.
func bucketOf(obj sinks.Object) string {
	return strings.TrimSuffix(strings.TrimPrefix(obj.URL, "s3://"), "/"+obj.Key)
}

// withoutLook is the finding about an object that could not be looked at. What
// stops everything is an error.
func withoutLook(f sinks.Finding, err error) (sinks.Finding, error) {
	p := problem.As(err)
	switch {
	case p == nil || p.Code == "cancelled":
		return f, err
	case p.Code == "object-not-found", p.Code == "bucket-not-found":
		f.Verdict = sinks.Missing
		f.Differences = []string{p.Summary}
	default:
		f.Verdict, f.Problem = sinks.Unknown, p
	}
	return f, nil
}

// differences compares what S3 tells with the receipt.
func (l *looker) differences(obj sinks.Object, info objectstore.Info) []string {
	var out []string
	differ := func(what, got, want string) {
		if got != want {
			out = append(out, fmt.Sprintf("%s is %s instead of %s", what, orNothing(got), want))
		}
	}
	differ("its size", strconv.FormatInt(info.Size, 10), strconv.FormatInt(obj.Size, 10))
	if sum, told := sameKind(info.Checksums, obj.Checksum); told {
		differ("its checksum", sum, obj.Checksum)
	}
	differ("its metadata waybill-delivery", info.Metadata[reservedMetadata+"delivery"], url.PathEscape(l.v.ID))
	differ("its metadata waybill-sha256", info.Metadata[reservedMetadata+"sha256"], obj.SHA256)
	differ("its metadata waybill-rows", info.Metadata[reservedMetadata+"rows"], strconv.FormatInt(obj.Rows, 10))
	return out
}

func orNothing(s string) string {
	if s == "" {
		return "not there"
	}
	return s
}

// sameKind finds the checksum of the algorithm that the receipt's is of. S3 may
// tell none, or of another kind for an object that somebody copied.
func sameKind(told []string, receipt string) (string, bool) {
	kind, _, _ := strings.Cut(receipt, ":")
	for _, sum := range told {
		if k, _, _ := strings.Cut(sum, ":"); k == kind {
			return sum, true
		}
	}
	return "", false
}

// openUploads finds uploads of this delivery that are open though the ledger
// holds them for ended, or that nobody has ended. Only those whose ids the
// ledger knows are ours.
func (l *looker) openUploads(ctx context.Context, bucket string) ([]sinks.Finding, error) {
	ours, keys, unsettled := map[string]string{}, []string(nil), false
	for _, in := range l.v.Intents {
		if in.UploadID != "" {
			ours[in.UploadID], keys = in.Key, append(keys, in.Key)
			unsettled = unsettled || !in.Settled
		}
	}
	if len(ours) == 0 {
		return nil, nil
	}
	open, err := l.client.OpenUploads(ctx, bucket, commonPrefix(keys))
	if p := problem.As(err); p != nil && p.Code != "cancelled" {
		if !unsettled {
			return nil, nil // the ledger saw each of them end
		}
		return []sinks.Finding{{Key: commonPrefix(keys), URL: "s3://" + bucket, Verdict: sinks.Unknown, Problem: p}}, nil
	}
	var out []sinks.Finding
	for _, u := range open {
		if ours[u.ID] == u.Key && u.Key != "" {
			out = append(out, sinks.Finding{Key: u.Key, URL: "s3://" + bucket + "/" + u.Key, Verdict: sinks.Open, UploadID: u.ID,
				Differences: []string{"an upload that began " + u.Initiated.UTC().Format("2006-01-02 15:04:05 UTC") + " is open, and its parts are paid for"}})
		}
	}
	return out, errors.Join(err)
}

// commonPrefix is the longest text that all keys begin with.
func commonPrefix(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	low, high := slices.Min(keys), slices.Max(keys)
	n := 0
	for n < min(len(low), len(high)) && low[n] == high[n] {
		n++
	}
	return strings.ToValidUTF8(low[:n], "")
}
