package duckdb

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOpenShutsIn tries statements that vetting would not let through, since
// the lock-down must hold without it.
func TestOpenShutsIn(t *testing.T) {
	root := t.TempDir()
	inside, outside := filepath.Join(root, "data"), filepath.Join(root, "database")
	for _, dir := range []string{inside, outside} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(outside, "f.csv"), []byte("a\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(outside, "f.csv"), filepath.Join(inside, "link.csv")); err != nil {
		t.Fatal(err)
	}
	for _, unlocked := range []bool{false, true} {
		db, err := Open(t.Context(), Options{Dirs: []string{inside}, MemoryLimit: 100 << 20, Threads: 1, Unlocked: unlocked, PlainErrors: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{
			"SELECT * FROM read_csv('" + outside + "/f.csv')",
			"SELECT * FROM read_csv('" + inside + "/../database/f.csv')",
			"SELECT * FROM read_text('" + inside + "/link.csv')",
			"SELECT * FROM '/etc/passwd'",
			"COPY (SELECT 1) TO '" + outside + "/x.csv'",
			"ATTACH '" + outside + "/x.db'",
			"INSTALL httpfs",
			"LOAD httpfs",
			"SET enable_external_access = true",
			"SET allowed_directories = ['/']",
			"SELECT * FROM read_csv('https://example.org/x.csv')",
		} {
			if _, err := db.ExecContext(t.Context(), statement); err == nil {
				t.Errorf("unlocked %t: %s was executed", unlocked, statement)
			}
		}
		if _, err := db.ExecContext(t.Context(), "COPY (SELECT 1 AS a) TO '"+inside+"/ok.csv'"); err != nil {
			t.Error(err)
		}
		_, err = db.ExecContext(t.Context(), "SET threads = 1")
		if unlocked != (err == nil) {
			t.Errorf("unlocked %t: changing a setting: %v", unlocked, err)
		}
		var zone string
		if err := db.QueryRowContext(t.Context(), "SELECT current_setting('TimeZone')").Scan(&zone); err != nil || zone != "UTC" {
			t.Errorf("time zone is %s, %v", zone, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := Open(t.Context(), Options{Dirs: []string{"relative"}}); err == nil || !strings.Contains(err.Error(), "relative") {
		t.Errorf("a relative directory: %v", err)
	}
}
