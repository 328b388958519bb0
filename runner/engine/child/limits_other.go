//go:build !unix

package child

// limitProcess does nothing where there are no resource limits.
func limitProcess() error { return nil }
