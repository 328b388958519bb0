//go:build unix

package child

import "golang.org/x/sys/unix"

// maxFiles is more than DuckDB opens at once, and few enough that a leak shows.
const maxFiles = 8192

// limitProcess forbids core dumps, which would hold data, and lowers the
// number of open files. Limits that are lower already stay.
func limitProcess() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return err
	}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return err
	}
	files.Max = min(files.Max, maxFiles)
	files.Cur = files.Max
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &files)
}
