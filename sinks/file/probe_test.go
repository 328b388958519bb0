package file

import (
	"os"
	"path/filepath"
	"testing"

	"waybill/internal/proof"
)

func TestProbe(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "plain"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(root, "away")); err != nil {
		t.Fatal(err)
	}
	for key, code := range map[string]string{"a.csv": "", "new/deep/a.csv": "", "plain/a.csv": "file-write-failed", "away/a.csv": "path-outside"} {
		got := (&sink{root: root}).Probe(t.Context(), proof.Trial{Key: key})
		switch p := got[0].Problem; {
		case len(got) != 1 || (p == nil) != (code == ""):
			t.Errorf("%s: %+v", key, got)
		case p != nil && p.Code != code:
			t.Errorf("%s: %s, want %s", key, p.Code, code)
		}
	}
	if entries, _ := os.ReadDir(root); len(entries) != 2 {
		t.Errorf("something was written: %v", entries)
	}
}
