package all_test

import (
	"slices"
	"testing"

	"waybill/internal/identity"
	"waybill/internal/schema"
	"waybill/sinks/all"
)

func TestKindsAreDocumented(t *testing.T) {
	if got, want := all.Registry(identity.NewProvider()).Names(), []string{"file", "s3"}; !slices.Equal(got, want) {
		t.Fatalf("there are %v, want %v", got, want)
	}
	for _, kind := range all.Registry(identity.NewProvider()) {
		if kind.Target == "" {
			t.Errorf("%s names no target", kind.Name)
		}
		documented(t, kind.Schema)
	}
}

func documented(t *testing.T, b *schema.Block) {
	t.Helper()
	if b.Doc == "" || b.Example == "" {
		t.Errorf("%s lacks a text or an example", b.Type)
	}
	for _, a := range b.Attrs {
		if a.Doc == "" {
			t.Errorf("%s.%s lacks a text", b.Type, a.Name)
		}
	}
	for _, n := range b.Blocks {
		documented(t, n.Block)
	}
}
