// Package version tells which waybill this is.
package version

import (
	"fmt"
	"strconv"
	"strings"
)

// Version is the release, set at link time; without that it names the
// development state after the last release.
var Version = "0.1.0-dev"

// Satisfies reports whether Version fits a constraint: comparisons such as
// ">= 0.1" separated by commas, all of which must hold. A development version
// counts as the release it leads to.
func Satisfies(constraint string) (bool, error) {
	release := Version
	if i := strings.IndexAny(release, "-+"); i >= 0 {
		release = release[:i]
	}
	have, err := parse(release)
	if err != nil {
		return false, err
	}
	all := true
	for part := range strings.SplitSeq(constraint, ",") {
		ok, err := satisfies(have, strings.TrimSpace(part))
		if err != nil {
			return false, err
		}
		all = all && ok
	}
	return all, nil
}

func satisfies(have [3]int, c string) (bool, error) {
	op := strings.TrimRight(c, "0123456789. ")
	want, err := parse(strings.TrimSpace(strings.TrimPrefix(c, op)))
	if err != nil {
		return false, err
	}
	d := compare(have, want)
	switch strings.TrimSpace(op) {
	case "", "=":
		return d == 0, nil
	case "!=":
		return d != 0, nil
	case ">=":
		return d >= 0, nil
	case ">":
		return d > 0, nil
	case "<=":
		return d <= 0, nil
	case "<":
		return d < 0, nil
	case "~>": // all but the last part that is written must agree: ~> 1.2 allows 1.9, ~> 1.2.3 only 1.2.9
		return d >= 0 && have[0] == want[0] && (strings.Count(c, ".") < 2 || have[1] == want[1]), nil
	}
	return false, fmt.Errorf("%q is no comparison: use =, !=, >, >=, <, <= or ~>", op)
}

func parse(s string) ([3]int, error) {
	var v [3]int
	parts := strings.Split(s, ".")
	if len(parts) > 3 {
		return v, fmt.Errorf("%q is no version", s)
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return v, fmt.Errorf("%q is no version", s)
		}
		v[i] = n
	}
	return v, nil
}

func compare(a, b [3]int) int {
	for i := range a {
		if a[i] != b[i] {
			return a[i] - b[i]
		}
	}
	return 0
}
