package sqlite

import (
	"path/filepath"
	"sync"
	"testing"

	"waybill/runner/state"
	"waybill/runner/state/statetest"
)

func TestStore(t *testing.T) {
	var paths sync.Map // *testing.T → the file of that test
	statetest.Run(t, func(t *testing.T) state.Store {
		path, _ := paths.LoadOrStore(t, sync.OnceValue(func() string { return filepath.Join(t.TempDir(), "state.db") }))
		return openStore(t, path.(func() string)())
	})
}

// openStore opens a store; the caller closes it.
func openStore(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
