package problem

import (
	"maps"
	"slices"
)

// An Entry is what the catalog knows about a code, whatever the case at hand.
type Entry struct {
	Title  string // what the code means, one clause without names
	Cause  string
	Remedy []string
	Class  Class
}

// Lookup returns the entry of a code. A code that the catalog lacks is an
// entry without text, permanent.
func Lookup(code string) Entry {
	if e, ok := catalog[code]; ok {
		return e
	}
	return Entry{Class: Permanent}
}

// Known reports whether the catalog has the code.
func Known(code string) bool {
	_, ok := catalog[code]
	return ok
}

// Codes lists all codes in order.
func Codes() []string { return slices.Sorted(maps.Keys(catalog)) }

// catalog is assembled from the tables that stand beside the rooms they
// describe: AWS, data, the daemon, the language.
var catalog = merge(awsEntries, secretEntries, dataEntries, stateEntries, languageEntries)

func merge(tables ...map[string]Entry) map[string]Entry {
	all := map[string]Entry{}
	for _, t := range tables {
		for code, e := range t {
			if _, twice := all[code]; twice {
				panic("problem: code " + code + " twice")
			}
			all[code] = e
		}
	}
	return all
}
