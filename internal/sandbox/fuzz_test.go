package sandbox

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/diag"
	"waybill/internal/diag/diagtest"
)

// FuzzSandbox reads any text as a sandbox file. Whatever it is, the answer is a
// configuration or coded diagnostics.
func FuzzSandbox(f *testing.F) {
	for _, root := range []string{"../../examples", "../../cmd/waybill/testdata", "../torture"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, FileSuffix) {
				return err
			}
			text, err := os.ReadFile(path)
			f.Add(text)
			return err
		})
		if err != nil {
			f.Fatal(err)
		}
	}
	f.Add([]byte("role \"R\" {\n  trust_policy = jsonencode({ Statement = [for a in range(3) : { Action = format(\"%d\", a) }] })\n}\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, src []byte) {
		if err := os.WriteFile(filepath.Join(dir, "fuzz"+FileSuffix), src, 0o600); err != nil {
			t.Fatal(err)
		}
		_, diags := Load(dir)
		diagtest.Sound(t, diags, diag.Sources{Files: map[string]*hcl.File{}})
	})
}
