package check

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"path"
	"slices"
	"strings"
)

// A file is an object of data, taken apart.
type file struct {
	key  string
	dir  string   // below the prefix: "region=EU/", or empty
	rows []string // each behind dir
}

// Whole compares what stands in the bucket with what has to arrive: the rows,
// the manifest and the success file of one slot, whose keys are filled in.
func Whole(ctx context.Context, b Buckets, w Want) (Verdict, error) {
	v, err := data(ctx, b, w)
	if err != nil {
		return v, err
	}
	if w.Manifest != "" {
		if err := Named(ctx, b, &v, w, true); err != nil {
			return v, err
		}
	}
	if w.Success != "" {
		_, err = b.Read(ctx, w.Bucket, w.Success)
		if errors.Is(err, ErrNoObject) {
			v.loss("s3://%s/%s is missing", w.Bucket, w.Success)
			err = nil
		}
	}
	return v, err
}

// data compares the rows, and how they are divided among files.
func data(ctx context.Context, b Buckets, w Want) (Verdict, error) {
	var v Verdict
	files, err := w.files(ctx, b, &v)
	if err != nil {
		return v, err
	}
	var got []string
	for i, f := range files {
		got = append(got, f.rows...)
		last := i == len(files)-1 || files[i+1].dir != f.dir
		if w.FileRows > 0 && (len(f.rows) > w.FileRows || len(f.rows) < w.FileRows && !last) {
			v.partial("s3://%s/%s has %d rows, and files were to have %d", w.Bucket, f.key, len(f.rows), w.FileRows)
		}
	}
	compareRows(&v, w, got)
	return v, nil
}

// keys lists the objects of data, in order.
func (w Want) keys(ctx context.Context, b Buckets) ([]string, error) {
	keys, err := b.Keys(ctx, w.Bucket, w.Prefix)
	return slices.DeleteFunc(keys, func(key string) bool { return key == w.Manifest || key == w.Success }), err
}

// files reads the objects of data, in order of their keys.
func (w Want) files(ctx context.Context, b Buckets, v *Verdict) ([]file, error) {
	keys, err := w.keys(ctx, b)
	if err != nil {
		return nil, err
	}
	var out []file
	for _, key := range keys {
		data, err := b.Read(ctx, w.Bucket, key)
		if errors.Is(err, ErrNoObject) {
			continue // removed since it was listed
		}
		if err != nil {
			return nil, err
		}
		header, rest, _ := strings.Cut(string(data), "\n")
		if header != w.Header || !strings.HasSuffix(rest, "\n") && rest != "" {
			v.partial("s3://%s/%s begins with %.60q or ends within a line", w.Bucket, key, header)
			continue
		}
		f := file{key: key}
		f.dir, _ = path.Split(strings.TrimPrefix(key, w.Prefix))
		for row := range strings.Lines(rest) {
			f.rows = append(f.rows, f.dir+strings.TrimSuffix(row, "\n"))
		}
		out = append(out, f)
	}
	return out, nil
}

func compareRows(v *Verdict, w Want, got []string) {
	if slices.Equal(got, w.Rows) {
		return
	}
	count := map[string]int{}
	for _, r := range w.Rows {
		count[r]++
	}
	for _, r := range got {
		count[r]--
	}
	missing, extra := 0, 0
	for _, n := range count {
		missing += max(0, n)
		extra += max(0, -n)
	}
	if missing > 0 {
		v.loss("%d of %d rows are missing below s3://%s/%s", missing, len(w.Rows), w.Bucket, w.Prefix)
	}
	if extra > 0 {
		v.duplicate("%d rows of %d are too many below s3://%s/%s", extra, len(got), w.Bucket, w.Prefix)
	}
	if missing+extra == 0 {
		v.duplicate("the rows below s3://%s/%s have another order", w.Bucket, w.Prefix)
	}
}

// A manifest is what the documentation says that one holds.
type manifest struct {
	Rows, Size int64
	Files      []struct {
		Key, SHA256 string
		Rows, Size  int64
	}
}

// Named checks that the manifest is there and that the objects it names are,
// with the sizes, digests and rows that it gives; with all set, that it names
// every object of data.
func Named(ctx context.Context, b Buckets, v *Verdict, w Want, all bool) error {
	text, err := b.Read(ctx, w.Bucket, w.Manifest)
	if errors.Is(err, ErrNoObject) {
		v.loss("s3://%s/%s is missing", w.Bucket, w.Manifest)
		return nil
	}
	if err != nil {
		return err
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		v.partial("the manifest s3://%s/%s is not as documented: %v", w.Bucket, w.Manifest, err)
		return nil
	}
	named := map[string]bool{}
	rows, size := int64(0), int64(0)
	for _, f := range m.Files {
		if named[f.Key] {
			v.duplicate("the manifest s3://%s/%s names %s twice", w.Bucket, w.Manifest, f.Key)
		}
		named[f.Key] = true
		rows, size = rows+f.Rows, size+f.Size
		data, err := b.Read(ctx, w.Bucket, f.Key)
		switch {
		case errors.Is(err, ErrNoObject):
			v.partial("the manifest names s3://%s/%s, which is not there", w.Bucket, f.Key)
		case err != nil:
			return err
		case f.Size != int64(len(data)) || f.SHA256 != digest(data):
			v.partial("the manifest names other bytes of s3://%s/%s than stand there", w.Bucket, f.Key)
		case f.Rows != int64(strings.Count(string(data), "\n")-1):
			v.partial("the manifest names %d rows of s3://%s/%s, which has others", f.Rows, w.Bucket, f.Key)
		}
	}
	if rows != m.Rows || size != m.Size || len(named) == 0 {
		v.partial("the manifest s3://%s/%s tells of %d rows and %d bytes, and names %d files of %d rows and %d bytes", w.Bucket, w.Manifest, m.Rows, m.Size, len(named), rows, size)
	}
	if !all {
		return nil
	}
	keys, err := w.keys(ctx, b)
	for _, key := range keys {
		if !named[key] {
			v.partial("the manifest s3://%s/%s does not name %s", w.Bucket, w.Manifest, key)
		}
	}
	return err
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
