// Package all lists the kinds of source. A new kind is a package of its own and
// one line here.
package all

import (
	"waybill/internal/identity"
	"waybill/sources"
	"waybill/sources/athena"
	"waybill/sources/file"
	"waybill/sources/s3"
)

// Registry returns all kinds of source, which share their AWS sessions with
// everything else that uses ids.
func Registry(ids *identity.Identities) sources.Registry {
	return sources.Registry{
		athena.Kind(ids),
		file.Kind(),
	}
}

// Waiters returns all kinds of `wait_for`.
func Waiters(ids *identity.Identities) sources.WaiterRegistry {
	return sources.WaiterRegistry{
		file.WaiterKind(),
		s3.WaiterKind(ids),
	}
}
