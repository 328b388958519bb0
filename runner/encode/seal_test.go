package encode

import (
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

func TestSealAndCompress(t *testing.T) {
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
		for _, c := range []string{Gzip, Zstd} {
			if err := os.Remove(dst); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			sealed, err := Compress(context.Background(), src, dst, c)
			if err != nil {
				t.Fatal(err)
			}
			packed, err := os.ReadFile(dst)
			if err != nil {
				t.Fatal(err)
			}
			checkSealed(t, sealed, packed)
			if !bytes.Equal(unpack(t, packed, c), data) {
				t.Fatalf("%s changes the data", c)
			}
		}
	})
}

func checkSealed(t *rapid.T, s Sealed, data []byte) {
	sum := sha256.Sum256(data)
	if s.Size != int64(len(data)) || s.SHA256 != hex.EncodeToString(sum[:]) {
		t.Fatalf("sealed as %+v, is %d bytes, %x", s, len(data), sum)
	}
}

func unpack(t *rapid.T, packed []byte, compression string) []byte {
	var r io.Reader
	if compression == Gzip {
		z, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		r = z
	} else {
		z, err := zstd.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		r = z
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestCompressFails(t *testing.T) {
	dir := t.TempDir()
	src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
	if err := os.WriteFile(src, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, fail := range map[string]func() error{
		"cancelled": func() error { _, err := Compress(cancelled, src, dst, Gzip); return err },
		"unknown":   func() error { _, err := Compress(t.Context(), src, dst, "brotli"); return err },
		"no source": func() error { _, err := Compress(t.Context(), src+"x", dst, Zstd); return err },
	} {
		if err := fail(); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := os.Stat(dst); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: a file is left", name)
		}
	}
	if err := os.WriteFile(dst, []byte("there"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Compress(t.Context(), src, dst, Gzip); !errors.Is(err, os.ErrExist) {
		t.Errorf("over an existing file: %v", err)
	}
	if data, err := os.ReadFile(dst); err != nil || string(data) != "there" {
		t.Errorf("the existing file became %q, %v", data, err)
	}
	if _, err := Seal(cancelled, src); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled Seal: %v", err)
	}
}
