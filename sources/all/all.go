// Package all lists the kinds of source. A new kind is a package of its own and
// one line here.
package all

import (
	"waybill/internal/identity"
	"waybill/sources"
	"waybill/sources/athena"
	"waybill/sources/file"
)

// Registry returns all kinds of source, which share their AWS sessions with
// everything else that uses ids.
func Registry(ids *identity.Identities) sources.Registry {
	return sources.Registry{
		athena.Kind(ids),
		file.Kind(),
	}
}
