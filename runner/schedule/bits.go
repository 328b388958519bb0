package schedule

import "math/bits"

// set is a set of small numbers: the values of one field, less its minimum.
// 256 bits hold the longest field, the 230 years from 1970 to 2199.
type set [4]uint64

func (s *set) add(i int)     { s[i>>6] |= 1 << (i & 63) }
func (s set) has(i int) bool { return s[i>>6]&(1<<(i&63)) != 0 }

func (s set) union(o set) set {
	for i := range s {
		s[i] |= o[i]
	}
	return s
}

// next returns the smallest member ≥ i, or -1.
func (s set) next(i int) int {
	if i < 0 {
		i = 0
	}
	for w := i >> 6; w < len(s); w, i = w+1, (w+1)<<6 {
		if rest := s[w] >> (i & 63); rest != 0 {
			return i + bits.TrailingZeros64(rest)
		}
	}
	return -1
}

// values lists the members in order, with min added to each.
func (s set) values(min int) []int {
	var out []int
	for i := s.next(0); i >= 0; i = s.next(i + 1) {
		out = append(out, i+min)
		if i == len(s)*64-1 {
			break
		}
	}
	return out
}

// span is the set of lo, lo+step, … up to hi.
func span(lo, hi, step int) set {
	var s set
	for i := lo; i <= hi; i += step {
		s.add(i)
	}
	return s
}
