package dataset

import "testing"

func TestOrder(t *testing.T) {
	s := Schema{{"id", "bigint"}, {"unit price", "bigint"}, {"a desc", "bigint"}, {"b", "bigint"}}
	for _, tt := range []struct {
		term       string
		at         int
		name       string
		descending bool
	}{
		{"id", 0, "id", false}, {"ID", 0, "ID", false}, {"id desc", 0, "id", true}, {"id  DESC ", 0, "id", true}, {"id asc", 0, "id", false},
		{"unit price", 1, "unit price", false}, {"unit price desc", 1, "unit price", true}, {"a desc", 2, "a desc", false}, {"a desc desc", 2, "a desc", true},
		{"id b c", -1, "id b c", false}, {"id b desc", -1, "id b", true}, {"b nulls first", -1, "b nulls first", false},
		{"", -1, "", false}, {" ", -1, "", false}, {"desc", -1, "desc", false}, {" desc", -1, "desc", false}, {"nope asc", -1, "nope", false},
	} {
		if at, name, descending := s.Order(tt.term); at != tt.at || name != tt.name || descending != tt.descending {
			t.Errorf("%q: %d, %q, %v; want %d, %q, %v", tt.term, at, name, descending, tt.at, tt.name, tt.descending)
		}
	}
}
