package version

import (
	"strings"
	"testing"
)

func TestSatisfies(t *testing.T) {
	was := Version
	defer func() { Version = was }()
	for _, version := range []string{"1.2.3", "1.2.3-dev", "1.2.3+abc", "1.2.3-dev+abc-dirty"} {
		Version = version
		for constraint, want := range map[string]bool{
			"1.2.3": true, "= 1.2.3": true, "1.2.4": false, "1": false, "1.2": false,
			"!= 1.2.3": false, "!= 1.2": true,
			">= 1.2": true, ">=1.2.3": true, ">= 1.10": false, "> 1.2.3": false, "> 1.2": true,
			"<= 1.2.3": true, "< 1.2.3": false, "< 2": true, "<= 1.2": false,
			"~> 1.2": true, "~> 1.1": true, "~> 1.3": false, "~> 2.0": false, "~> 1.2.0": true, "~> 1.2.4": false, "~> 1.1.0": false, "~> 1": true,
			">= 1.0, < 2.0": true, ">= 1.0,< 1.2": false, " >= 1.2 , != 1.2.4 ": true,
		} {
			if got, err := Satisfies(constraint); err != nil || got != want {
				t.Errorf("%s: %q = %v, %v", version, constraint, got, err)
			}
		}
	}
}

func TestSatisfiesRefuses(t *testing.T) {
	for _, constraint := range []string{"", "latest", ">= ", "=> 1.0", "v1.0", "1.0-rc1", "1.2.3.4", ">= 1.0,", "1..2", "> = 1", "~1.0"} {
		if _, err := Satisfies(constraint); err == nil || !strings.Contains(err.Error(), "is no ") {
			t.Errorf("%q: %v", constraint, err)
		}
	}
}

// What is built without a link-time version must be readable, too.
func TestVersion(t *testing.T) {
	if ok, err := Satisfies(">= 0.1"); err != nil || !ok {
		t.Errorf("%s: %v, %v", Version, ok, err)
	}
}
