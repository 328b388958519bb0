package dataset

import "strings"

// Order finds the column that a term of order_by names: a column's name, with
// " asc" or " desc" behind it or not. A column may be called like that, too.
// The position is -1 if there is none; name is then what was looked for.
func (s Schema) Order(term string) (at int, name string, descending bool) {
	if at := s.Index(term); at >= 0 {
		return at, term, false
	}
	name = strings.TrimSpace(term)
	if i := strings.LastIndexAny(name, " \t"); i >= 0 {
		direction := strings.ToLower(name[i+1:])
		if descending = direction == "desc"; descending || direction == "asc" {
			name = strings.TrimSpace(name[:i])
		}
	}
	return s.Index(name), name, descending
}
