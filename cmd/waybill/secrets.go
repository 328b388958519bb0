package main

import (
	"context"
	"os"

	"waybill/internal/identity"
	"waybill/internal/vault"
	"waybill/internal/vault/awsvault"
)

// secretReader lists every place that secret() reads from. Nothing is read
// before a run asks for it, and all runs of a process share what was read.
func secretReader() func(reference string) (string, error) {
	ids := identity.NewProvider()
	secrets := vault.New(map[string]vault.Reader{
		vault.SchemeEnv:  vault.Env(os.LookupEnv),
		vault.SchemeFile: vault.Files(),
		vault.SchemeSM:   awsvault.SecretsManager(ids),
		vault.SchemeSSM:  awsvault.ParameterStore(ids),
	})
	// The language's functions know no context; a reading is bounded in time.
	return func(reference string) (string, error) { return secrets.Read(context.Background(), reference) }
}
