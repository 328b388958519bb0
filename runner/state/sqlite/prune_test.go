package sqlite

import (
	"path/filepath"
	"testing"
	"time"
)

// TestPruneFreesFiles checks what can't be seen from outside: that the files
// only a removed generation had don't stay.
func TestPruneFreesFiles(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "state.db"))
	defer closeStore(t, s)
	shared := []byte("shared")
	check(t, s.SaveGeneration(t.Context(), "old", map[string][]byte{"a": shared, "b": []byte("own")}, epoch))
	check(t, s.SaveGeneration(t.Context(), "good", map[string][]byte{"a": shared}, epoch))
	check(t, s.SetLastGood(t.Context(), "good"))
	blobs := func() (n int) {
		check(t, s.reader.QueryRow(`SELECT count(*) FROM blobs`).Scan(&n))
		return n
	}
	if n := blobs(); n != 2 {
		t.Fatalf("%d blobs for two contents", n)
	}
	_, err := s.Prune(t.Context(), epoch.Add(time.Hour))
	check(t, err)
	if n := blobs(); n != 1 {
		t.Errorf("%d blobs are kept, 1 is needed", n)
	}
}
