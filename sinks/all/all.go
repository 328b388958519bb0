// Package all lists the kinds of sinks. A new kind is a package of its own and
// one line here.
package all

import (
	"waybill/internal/identity"
	"waybill/sinks"
	"waybill/sinks/file"
	"waybill/sinks/s3"
)

// Registry returns all kinds of sinks, which share their AWS sessions with
// everything else that uses ids.
func Registry(ids *identity.Identities) sinks.Registry {
	return sinks.Registry{
		file.Kind(),
		s3.Kind(ids),
	}
}
