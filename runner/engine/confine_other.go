//go:build !linux

package engine

import "syscall"

// processAttributes asks for nothing special.
func processAttributes() *syscall.SysProcAttr { return nil }

// ownThread calls f.
func ownThread(f func()) { f() }

// confine does nothing: only Linux has Landlock. DuckDB's own lock-down and
// the vetting of queries hold everywhere.
func confine(Options) error { return nil }

// oomKills is not known.
func oomKills() int64 { return 0 }
