package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNoObject is what a Bucket answers for a key without an object.
var ErrNoObject = errors.New("no such object")

// An Upload is a multipart upload that is open.
type Upload struct {
	Key, ID string
	Parts   int // that it holds
}

// Buckets are looked at without going through the product. The methods are
// safe for concurrent use.
type Buckets interface {
	// Keys lists the keys of a bucket that begin with prefix, sorted.
	Keys(ctx context.Context, bucket, prefix string) ([]string, error)
	// Read returns an object's bytes, or ErrNoObject.
	Read(ctx context.Context, bucket, key string) ([]byte, error)
	// Uploads lists the open multipart uploads whose keys begin with prefix.
	Uploads(ctx context.Context, bucket, prefix string) ([]Upload, error)
}

// A Dir is the directory in which a sandbox keeps its buckets.
type Dir string

// Keys implements Buckets.
func (d Dir) Keys(_ context.Context, bucket, prefix string) ([]string, error) {
	root := filepath.Join(string(d), bucket)
	var out []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // removed while we walk
		case err != nil:
			return err
		case e.IsDir() && strings.HasPrefix(e.Name(), "."):
			return fs.SkipDir
		case e.IsDir():
			return nil
		}
		if key := filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator))); strings.HasPrefix(key, prefix) {
			out = append(out, key)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the bucket %s: %w", bucket, err)
	}
	return out, nil
}

// Read implements Buckets.
func (d Dir) Read(_ context.Context, bucket, key string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(string(d), bucket, filepath.FromSlash(key)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("s3://%s/%s: %w", bucket, key, ErrNoObject)
	}
	return data, err
}

// Uploads implements Buckets. The gateway keeps parts below a directory that
// is named after the upload, in one that is named after the key's digest and
// has the key in an extended attribute.
func (d Dir) Uploads(_ context.Context, bucket, prefix string) ([]Upload, error) {
	root := filepath.Join(string(d), bucket, ".sgwtmp", "multipart")
	keys, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the uploads of %s: %w", bucket, err)
	}
	var out []Upload
	for _, k := range keys {
		key, err := objectName(filepath.Join(root, k.Name()))
		if err != nil {
			return nil, err
		}
		uploads, err := os.ReadDir(filepath.Join(root, k.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("list the uploads of %s: %w", bucket, err)
		}
		for _, u := range uploads {
			if !u.IsDir() || !strings.HasPrefix(key, prefix) {
				continue
			}
			parts, err := os.ReadDir(filepath.Join(root, k.Name(), u.Name()))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("list the uploads of %s: %w", bucket, err)
			}
			out = append(out, Upload{Key: key, ID: u.Name(), Parts: len(parts)})
		}
	}
	return out, nil
}

// objectName is the key that the gateway has noted at a directory of uploads.
func objectName(dir string) (string, error) {
	name := make([]byte, 1024)
	n, err := unix.Getxattr(dir, "user.objname", name)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODATA) {
		return "", nil // just removed, or just made
	}
	if err != nil {
		return "", fmt.Errorf("read the name of %s: %w", dir, err)
	}
	return string(name[:n]), nil
}
