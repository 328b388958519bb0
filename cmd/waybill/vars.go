package main

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// varFlags are the values of --var: what stands behind the first "=" as it is,
// commas and quotes included. The last one of a name wins.
type varFlags map[string]string

// Set implements pflag.Value.
func (f *varFlags) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return errors.New("want name=value")
	}
	if *f == nil {
		*f = varFlags{}
	}
	(*f)[name] = value
	return nil
}

// String implements pflag.Value. Values may be secrets.
func (f *varFlags) String() string { return strings.Join(slices.Sorted(maps.Keys(*f)), ",") }

// Type implements pflag.Value.
func (f *varFlags) Type() string { return "name=value" }
