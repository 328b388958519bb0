// Package compiletest gives tests the language as users have it.
package compiletest

import (
	"waybill/internal/identity"
	"waybill/runner/compile"
	"waybill/runner/transform"
	sinksall "waybill/sinks/all"
	sourcesall "waybill/sources/all"
)

// Registries are all kinds of components, with AWS sessions of their own.
func Registries() compile.Registries {
	ids := identity.NewProvider()
	return compile.Registries{
		Waiters: sourcesall.Waiters(ids), Sources: sourcesall.Registry(ids), Transforms: transform.All(), Checks: transform.Checks(),
		Conditions: transform.Conditions(), Sinks: sinksall.Registry(ids),
	}
}
