package tests

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A change is one difference between wanted rows and those that came.
type change struct {
	want, got []value // want alone: missing; got alone: unexpected; both: changed
	at        int     // the row's place in the order it has, for sorting
}

// diffRows compares rows as multisets and tells how they differ: which rows
// are missing, which are unexpected, and which ones are probably the same row
// with other cells. Nothing is left out: equal multisets, and only they, have
// no changes (up to the tolerance of floating-point numbers). Rows have
// equally many cells.
func diffRows(want, got [][]value) []change {
	wantLeft, gotLeft := unmatched(want, got)
	pairs := pair(want, got, wantLeft, gotLeft)
	var out []change
	paired := map[int]bool{}
	for _, w := range wantLeft {
		c := change{want: want[w], at: w}
		if g, ok := pairs[w]; ok {
			c.got, paired[g] = got[g], true
		}
		out = append(out, c)
	}
	for _, g := range gotLeft {
		if !paired[g] {
			out = append(out, change{got: got[g], at: len(want) + g})
		}
	}
	return out
}

// diffOrder compares rows of equal multisets by their places.
func diffOrder(want, got [][]value) []change {
	var out []change
	for i := range want {
		if !equalRows(want[i], got[i], value.equal) {
			out = append(out, change{want: want[i], got: got[i], at: i})
		}
	}
	return out
}

func equalRows(a, b []value, equal func(value, value) bool) bool {
	return slices.EqualFunc(a, b, equal)
}

// unmatched takes rows that are in both away, first those that are the same to
// the last digit, so that tolerance never takes a row from its twin.
func unmatched(want, got [][]value) (wantLeft, gotLeft []int) {
	byKey := map[string][]int{}
	for g, row := range got {
		byKey[rowKey(row, true)] = append(byKey[rowKey(row, true)], g)
	}
	taken := make([]bool, len(got))
	for w, row := range want {
		k := rowKey(row, true)
		if twins := byKey[k]; len(twins) > 0 {
			taken[twins[0]] = true
			byKey[k] = twins[1:]
			continue
		}
		wantLeft = append(wantLeft, w)
	}
	near := map[string][]int{} // by all that tolerance leaves alone
	for g, row := range got {
		if !taken[g] {
			near[rowKey(row, false)] = append(near[rowKey(row, false)], g)
		}
	}
	wantLeft = slices.DeleteFunc(wantLeft, func(w int) bool {
		for _, g := range near[rowKey(want[w], false)] {
			if !taken[g] && equalRows(want[w], got[g], value.equal) {
				taken[g] = true
				return true
			}
		}
		return false
	})
	for g := range got {
		if !taken[g] {
			gotLeft = append(gotLeft, g)
		}
	}
	return wantLeft, gotLeft
}

// rowKey is a text that identical rows share; without floats, one that rows
// share which differ at most in floating-point numbers.
func rowKey(row []value, floats bool) string {
	var b strings.Builder
	for _, v := range row {
		k := v.key
		if v.kind == float && !floats {
			k = ""
		}
		fmt.Fprintf(&b, "%d %d:%s", v.kind, len(k), k)
	}
	return b.String()
}

// mostPairs bounds the work of finding out which row is which.
const mostPairs = 250_000

// pair finds, greedily, for wanted rows the ones that came which are most
// alike. Columns count by how well they tell rows apart, so that a key decides
// before a flag does. Rows that have less than a third in common are two.
func pair(want, got [][]value, wantLeft, gotLeft []int) map[int]int {
	out := map[int]int{}
	if len(wantLeft)*len(gotLeft) > mostPairs || len(want) == 0 || len(got) == 0 {
		return out
	}
	weights, total := columnWeights(want, got)
	type candidate struct {
		w, g, apart int
		score       float64
	}
	var all []candidate
	for i, w := range wantLeft {
		for j, g := range gotLeft {
			score := 0.0
			for c := range weights {
				if want[w][c].equal(got[g][c]) {
					score += weights[c]
				}
			}
			if score > 0 && score >= total/3 {
				all = append(all, candidate{w, g, max(i-j, j-i), score})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.apart, b.apart))
	})
	used := map[int]bool{}
	for _, c := range all {
		if _, ok := out[c.w]; !ok && !used[c.g] {
			out[c.w], used[c.g] = c.g, true
		}
	}
	return out
}

// columnWeights is, for each column, how many of all rows it tells apart.
func columnWeights(want, got [][]value) (weights []float64, total float64) {
	weights = make([]float64, len(want[0]))
	for c := range weights {
		seen := map[string]bool{}
		for _, rows := range [][][]value{want, got} {
			for _, r := range rows {
				seen[rowKey(r[c:c+1], true)] = true
			}
		}
		weights[c] = float64(len(seen)) / float64(len(want)+len(got))
		total += weights[c]
	}
	return weights, total
}
