package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"waybill/internal/dataset"
	"waybill/internal/diag"
	"waybill/internal/identity"
	"waybill/internal/objectstore"
	"waybill/internal/problem"
	"waybill/runner/inspect"
)

// objectOutput is what S3 tells of an object, and what it says of itself.
type objectOutput struct {
	Size        int64     `json:"size"`
	Modified    time.Time `json:"modified"`
	ETag        string    `json:"etag"`
	Version     string    `json:"version,omitempty"`
	ContentType string    `json:"content_type,omitempty"`
	Checksums   []string  `json:"checksums,omitempty"`
	// Delivery, SHA256 and Rows are of the metadata that a delivery writes.
	Delivery string            `json:"delivery,omitempty"`
	SHA256   string            `json:"sha256,omitempty"`
	Rows     *int64            `json:"rows,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"` // the rest
}

// splitURL takes s3://bucket/key apart. The bucket may be the ARN of an access
// point, which has a slash of its own.
func splitURL(name string) (bucket, key string, ok bool) {
	rest, ok := strings.CutPrefix(name, "s3://")
	if !ok {
		return "", "", false
	}
	bucket, key, _ = strings.Cut(rest, "/")
	if strings.HasPrefix(bucket, "arn:") {
		point, after, _ := strings.Cut(key, "/")
		bucket, key = bucket+"/"+point, after
	}
	return bucket, key, true
}

// fetchObject copies an object, or the footer of a large one, into work.
func (a *app) fetchObject(ctx context.Context, f *projectFlags, o inspectOptions, bucket, key, work string, req *inspect.Request) (*objectOutput, error) {
	if fault := objectstore.BucketFault(bucket); fault != "" || key == "" {
		return nil, mistake("%s does not name an object: write s3://BUCKET/KEY", req.Name)
	}
	client, err := a.objectClient(ctx, f, o.connection)
	if err != nil {
		return nil, err
	}
	info, err := client.Head(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(work, "object")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a directory for the object: %w", err)
	}
	req.Path = filepath.Join(dir, path.Base(key))
	d := objectstore.Download{Bucket: bucket, Key: key, ETag: info.ETag, Size: info.Size, Path: req.Path}
	if info.Size <= o.limit {
		return describeObject(info), client.Download(ctx, d)
	}
	req.FooterOnly = true
	return describeObject(info), fetchFooter(ctx, client, d, req)
}

// objectClient is a client of the connection named, or of whoever the SDK finds.
func (a *app) objectClient(ctx context.Context, f *projectFlags, name string) (*objectstore.Client, error) {
	conn := &identity.Config{}
	if name != "" {
		g, err := a.load(f)
		if err != nil {
			return nil, err
		}
		if conn, err = g.Connection(name); err != nil {
			return nil, err
		}
		if conn == nil {
			return nil, mistake("no connection is called %q.%s There are: %s", name, diag.Suggest(name, g.ConnectionNames()), strings.Join(g.ConnectionNames(), ", "))
		}
	}
	ids := identity.NewProvider()
	cfg, err := ids.AWSConfig(ctx, conn, nil)
	if err != nil {
		return nil, err
	}
	o := objectstore.OptionsOf(conn)
	o.Identity, _ = ids.WhoAmI(ctx, conn, nil) // for remedies: that it cannot be had keeps nobody from reading
	return objectstore.New(cfg, o), nil
}

func describeObject(info objectstore.Info) *objectOutput {
	out := &objectOutput{Size: info.Size, Modified: info.Modified.UTC(), ETag: info.ETag, Version: info.Version, ContentType: info.ContentType,
		Checksums: info.Checksums, Metadata: map[string]string{}}
	for name, value := range info.Metadata {
		switch name {
		case "waybill-delivery":
			out.Delivery = value
			if plain, err := url.PathUnescape(value); err == nil {
				out.Delivery = plain
			}
		case "waybill-sha256":
			out.SHA256 = value
		case "waybill-rows":
			if n, err := strconv.ParseInt(value, 10, 64); err == nil {
				out.Rows = &n
			}
		default:
			out.Metadata[name] = value
		}
	}
	return out
}

const (
	footerGuess = 64 << 10  // enough for most
	footerLimit = 128 << 20 // more is not a footer
)

// fetchFooter makes a local file of the object's size that has nothing in it but
// the beginning and the end of a Parquet file, which is all that its footer
// needs.
func fetchFooter(ctx context.Context, client *objectstore.Client, d objectstore.Download, req *inspect.Request) error {
	head, err := client.Range(ctx, d, 0, 4)
	if err != nil {
		return err
	}
	if string(head) != "PAR1" {
		p := problem.New("file-too-large", fmt.Sprintf("%s has %s, and a text file must be read whole to tell its columns and rows", req.Name, size(d.Size)), nil)
		p.Remedy = []string{fmt.Sprintf("Read it whole: --max-size %dMiB.", d.Size>>20+1)}
		return p
	}
	req.Format = dataset.Parquet
	tail, err := client.Range(ctx, d, max(4, d.Size-footerGuess), d.Size)
	if err != nil {
		return err
	}
	need := int64(binary.LittleEndian.Uint32(tail[len(tail)-8:])) + 8
	if string(tail[len(tail)-4:]) != "PAR1" || need > min(footerLimit, d.Size-4) {
		return problem.New("file-malformed", fmt.Sprintf("%s begins as Parquet does but does not end so", req.Name), nil)
	}
	if need > int64(len(tail)) {
		if tail, err = client.Range(ctx, d, d.Size-need, d.Size); err != nil {
			return err
		}
	}
	return writeHollow(d, head, tail)
}

// writeHollow writes a file with a hole in its middle.
func writeHollow(d objectstore.Download, head, tail []byte) error {
	f, err := os.OpenFile(d.Path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("making a file for the footer: %w", err)
	}
	err = f.Truncate(d.Size)
	if err == nil {
		_, err = f.WriteAt(head, 0)
	}
	if err == nil {
		_, err = f.WriteAt(tail, d.Size-int64(len(tail)))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing the footer to a file: %w", err)
	}
	return nil
}

// completeConnections proposes the project's connections.
func (f *projectFlags) completeConnections(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	g, _, _, err := f.compile()
	if err != nil || g == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return g.ConnectionNames(), cobra.ShellCompDirectiveNoFileComp
}
