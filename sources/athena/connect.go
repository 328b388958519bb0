package athena

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"

	"waybill/internal/dataset"
	"waybill/internal/objectstore"
)

// clients are the two services that an extraction talks to.
type clients struct {
	aws    aws.Config
	athena *athena.Client
}

func (s *Source) connect(ctx context.Context) (clients, error) {
	conn := s.cfg.Connection
	cfg, err := s.ids.AWSConfig(ctx, conn, nil)
	if err != nil {
		return clients{}, err
	}
	return clients{aws: cfg, athena: athena.NewFromConfig(cfg, func(o *athena.Options) {
		if conn.Endpoint != nil && conn.Endpoint.Athena != "" {
			o.BaseEndpoint = aws.String(conn.Endpoint.Athena)
		}
		if s.client != nil {
			s.client(o)
		}
	})}, nil
}

// objects is the S3 client for the place of this attempt's results. The
// expected owner is that of the source's own location.
func (x *extraction) objects() *objectstore.Client {
	opts := objectstore.OptionsOf(x.cfg.Connection)
	if x.tok.Place.Ours {
		opts.ExpectedOwner = x.cfg.ExpectedBucketOwner
	}
	return objectstore.New(x.aws, opts)
}

// bring downloads one version of an object and returns its local file.
func (x *extraction) bring(ctx context.Context, from location, name, path string, progress func(int64)) (dataset.File, error) {
	store := x.objects()
	info, err := store.Head(ctx, from.bucket, from.key)
	if err != nil {
		return dataset.File{}, fmt.Errorf("look at %s: %w", from, err)
	}
	err = store.Download(ctx, objectstore.Download{Bucket: from.bucket, Key: from.key, ETag: info.ETag, Size: info.Size, Path: path, Progress: progress})
	f := dataset.File{Name: name, Size: info.Size, Rows: -1}
	if x.tok.Method == methodUnload && x.leaves() {
		f.Origin = &dataset.Origin{Bucket: from.bucket, Key: from.key, ETag: info.ETag, Version: info.Version, Identity: x.cfg.ReadsAs()}
		if x.tok.Place.Ours {
			f.Origin.Owner = x.cfg.ExpectedBucketOwner
		}
	}
	return f, err
}
