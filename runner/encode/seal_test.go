package encode

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) {
	// The Parquet reader's package keeps idle zstd decoders from its start on.
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent())
}

func TestSealAndPack(t *testing.T) {
	dir := t.TempDir()
	src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
	rapid.Check(t, func(t *rapid.T) {
		data := bytes.Repeat(rapid.SliceOf(rapid.Byte()).Draw(t, "data"), rapid.SampledFrom([]int{1, 100, 100_000}).Draw(t, "times"))
		if err := os.WriteFile(src, data, 0o600); err != nil {
			t.Fatal(err)
		}
		sealed, err := Seal(context.Background(), src)
		if err != nil {
			t.Fatal(err)
		}
		checkSealed(t, sealed, data)
		for _, c := range []string{None, Gzip, Zstd, Zip, Tgz} {
			if err := errors.Join(os.WriteFile(src, data, 0o600), removeIfThere(dst)); err != nil {
				t.Fatal(err)
			}
			sealed, err := Format{Kind: NDJSON, Compression: c}.Finish(context.Background(), Work{Copied: src, Finished: dst, Entry: "a.ndjson"})
			if err != nil {
				t.Fatal(err)
			}
			packed, err := os.ReadFile(dst)
			if err != nil {
				t.Fatal(err)
			}
			checkSealed(t, sealed, packed)
			if !bytes.Equal(unpackBytes(t, packed, c), data) {
				t.Fatalf("%s changes the data", c)
			}
			if _, err := os.Stat(src); !errors.Is(err, os.ErrNotExist) {
				t.Fatalf("%s: what COPY wrote is left", c)
			}
		}
	})
}

func checkSealed(t *rapid.T, s Sealed, data []byte) {
	if want := sealedOf(data); s != want {
		t.Fatalf("sealed as %+v, is %+v", s, want)
	}
}

func sealedOf(data []byte) Sealed {
	sum := sha256.Sum256(data)
	return Sealed{Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
}

// A failer is a test of either kind.
type failer interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// unpackBytes undoes a compression.
func unpackBytes(t failer, packed []byte, compression string) []byte {
	var r io.Reader = bytes.NewReader(packed)
	switch compression {
	case Gzip:
		r = gunzip(t, packed)
	case Zstd:
		z, err := zstd.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		r = z
	case Zip:
		z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
		if err != nil || len(z.File) != 1 || z.File[0].Name != "a.ndjson" {
			t.Fatalf("%v, %+v", err, z)
		}
		f, err := z.File[0].Open()
		if err != nil {
			t.Fatal(err)
		}
		r = f
	case Tgz:
		archive := tar.NewReader(gunzip(t, packed))
		if h, err := archive.Next(); err != nil || h.Name != "a.ndjson" || h.Uname != "" {
			t.Fatalf("%v, %+v", err, h)
		}
		r = archive
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func gunzip(t failer, packed []byte) io.Reader {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// Retries and other machines write the same bytes.
func TestPackingIsDeterministic(t *testing.T) {
	dir := t.TempDir()
	src := filepath.Join(dir, "src")
	for _, c := range []string{Gzip, Zstd, Zip, Tgz} {
		var sums []string
		for range 2 {
			if err := os.WriteFile(src, bytes.Repeat([]byte("some text\n"), 100_000), 0o600); err != nil {
				t.Fatal(err)
			}
			dst := filepath.Join(t.TempDir(), "dst")
			sealed, err := Format{Kind: CSV, Compression: c}.Finish(t.Context(), Work{Copied: src, Finished: dst, Entry: "x.csv"})
			if err != nil {
				t.Fatal(err)
			}
			sums = append(sums, sealed.SHA256)
		}
		if sums[0] != sums[1] {
			t.Errorf("%s: the same rows give %v", c, sums)
		}
	}
}

func TestFinishFails(t *testing.T) {
	dir := t.TempDir()
	src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	finish := func(ctx context.Context, src string, f Format) error {
		_, err := f.Finish(ctx, Work{Copied: src, Finished: dst, Schema: columns("varchar"), Entry: "x"})
		return err
	}
	for name, fail := range map[string]func() error{
		"cancelled":            func() error { return finish(cancelled, src, Format{Kind: CSV, Compression: Gzip}) },
		"cancelled, archive":   func() error { return finish(cancelled, src, Format{Kind: CSV, Compression: Tgz}) },
		"cancelled, rewritten": func() error { return finish(cancelled, src, Format{Kind: CSV, LineEnding: CRLF}) },
		"cancelled, as it is":  func() error { return finish(cancelled, src, Format{Kind: CSV}) },
		"unknown":              func() error { return finish(t.Context(), src, Format{Kind: CSV, Compression: "brotli"}) },
		"other rows":           func() error { return finish(t.Context(), src, Format{Kind: CSV, LineEnding: CRLF}) },
		"no source":            func() error { return finish(t.Context(), src+"x", Format{Kind: CSV, Compression: Zstd}) },
	} {
		if err := os.WriteFile(src, []byte("text\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := fail(); err == nil {
			t.Errorf("%s: no error", name)
		}
		if err := os.Remove(src); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%s: %v is left, %v", name, left, err)
		}
	}
}
