package all_test

import (
	"slices"
	"testing"

	"waybill/internal/identity"
	"waybill/internal/schema"
	"waybill/sources/all"
)

func TestRegistryKnowsEachKindOnce(t *testing.T) {
	names := all.Registry(identity.NewProvider()).Names()
	if want := []string{"athena", "file"}; !slices.Equal(names, want) {
		t.Fatalf("kinds: got %v, want %v", names, want)
	}
}

// The reference documentation is made from these descriptions, so an attribute
// without one is a hole in it.
func TestEverythingIsDocumented(t *testing.T) {
	for _, k := range all.Registry(identity.NewProvider()) {
		if k.Schema.Example == "" {
			t.Errorf("source %q has no example", k.Name)
		}
		documented(t, k.Name, *k.Schema)
	}
}

func documented(t *testing.T, path string, b schema.Block) {
	if b.Doc == "" {
		t.Errorf("%s has no documentation", path)
	}
	for _, a := range b.Attrs {
		if a.Doc == "" {
			t.Errorf("%s.%s has no documentation", path, a.Name)
		}
		if a.Required && a.Example == "" {
			t.Errorf("%s.%s is required and has no example", path, a.Name)
		}
	}
	for _, n := range b.Blocks {
		documented(t, path+"."+n.Block.Type, *n.Block)
	}
	for _, v := range b.Variants {
		documented(t, path+"."+v.Type, v)
	}
}
