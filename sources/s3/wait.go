// Package s3 waits for objects.
package s3

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/component"
	"waybill/internal/identity"
	"waybill/internal/objectstore"
	"waybill/internal/problem"
	"waybill/internal/schema"
	"waybill/sources"
)

type waitConfig struct {
	Connection    *identity.Config `wb:"connection"`
	Bucket        string           `wb:"bucket"`
	Key           string           `wb:"key"`
	Region        string           `wb:"region"`
	ExpectedOwner string           `wb:"expected_bucket_owner"`
}

// WaiterKind is `wait_for "s3"`: an object is there.
func WaiterKind(ids *identity.Identities) sources.WaiterKind {
	block := &schema.Block{
		Doc: "Waits until an object is there, before any source is read. Needs s3:GetObject on the key, and s3:ListBucket on the bucket: " +
			"without the second, S3 answers the same whether the object is missing or forbidden.",
		Example: "wait_for \"s3\" \"upstream\" {\n  connection = connection.lake\n  bucket     = \"lake\"\n  key        = \"orders/${run.date}/_SUCCESS\"\n}",
		Attrs: []schema.Attr{
			{Name: "connection", Type: schema.Capsule("connection", identity.CapsuleType), Example: "connection.lake",
				Doc: "Who we are. Without it, whoever the SDK's default credential chain finds."},
			{Name: "bucket", Type: schema.String, Required: true, Example: `"lake"`, Doc: "The bucket's name."},
			{Name: "key", Type: schema.String, Required: true, Example: `"orders/${run.date}/_SUCCESS"`, Doc: "The key of the object."},
			{Name: "region", Type: schema.String, Example: `"eu-west-1"`, Doc: "The bucket's region, if it is not the connection's."},
			{Name: "expected_bucket_owner", Type: schema.String, Example: `"123456789012"`, Doc: "The account that must own the bucket: twelve digits."},
		},
	}
	return component.New("s3", block, checkWait, func(c waitConfig, _ sources.Env) (sources.Waiter, error) {
		return &waiter{cfg: c, ids: ids}, nil
	})
}

func checkWait(c waitConfig, v *schema.Values) hcl.Diagnostics {
	diags := objectstore.CheckBucket(c.Bucket, v)
	if v.Set("region") && v.Known("region") {
		diags = append(diags, identity.CheckRegion(c.Region, "region", v)...)
	}
	if v.Known("key") && c.Key == "" {
		diags = append(diags, v.Error("key", "invalid-value", "key is empty", "Write the key of the object that is waited for."))
	}
	return diags
}

type waiter struct {
	cfg waitConfig
	ids *identity.Identities
}

// What implements sources.Waiter.
func (w *waiter) What() string { return "s3://" + w.cfg.Bucket + "/" + w.cfg.Key }

// Ready implements sources.Waiter.
func (w *waiter) Ready(ctx context.Context) (bool, error) {
	conn := w.cfg.Connection
	if conn == nil {
		conn = &identity.Config{}
	}
	cfg, err := w.ids.AWSConfig(ctx, conn, nil)
	if err != nil {
		return false, err
	}
	opts := objectstore.OptionsOf(w.cfg.Connection)
	opts.Region, opts.ExpectedOwner = w.cfg.Region, w.cfg.ExpectedOwner
	store := objectstore.New(cfg, opts)
	_, err = store.Head(ctx, w.cfg.Bucket, w.cfg.Key)
	switch p := problem.As(err); {
	case p == nil:
		return err == nil, err
	case p.Code == "object-not-found": // or the bucket: a HEAD has no room to tell
		_, err := store.HeadBucket(ctx, w.cfg.Bucket)
		return false, err
	case p.Code == "bucket-access-denied":
		p.Cause = "Without s3:ListBucket, S3 gives this answer for an object that is not there yet, too."
		p.Remedy = append([]string{"Allow s3:ListBucket on arn:aws:s3:::" + w.cfg.Bucket + ", so that a missing object can be told from a forbidden one."}, p.Remedy...)
		return false, p
	}
	return false, err
}
