package engine

import (
	"strings"
	"unicode/utf8"

	"waybill/internal/problem"
)

// A Position is a place in a query as it was given to Define.
type Position struct {
	Offset int `json:"offset"` // bytes from the start
	Line   int `json:"line"`   // from 1
	Column int `json:"column"` // in characters, from 1
}

// PositionAt finds the line and column of a byte offset. Offsets beyond the
// text are its end.
func PositionAt(query string, offset int) Position {
	offset = max(0, min(offset, len(query)))
	before := query[:offset]
	start := strings.LastIndexByte(before, '\n') + 1
	return Position{Offset: offset, Line: 1 + strings.Count(before, "\n"), Column: 1 + utf8.RuneCountInString(before[start:])}
}

// SQLError is a problem with a query whose place in the query is known. Who
// made the query from a template maps the place back to the user's file.
type SQLError struct {
	Problem *problem.Problem
	At      Position
}

// Error returns the problem's text.
func (e *SQLError) Error() string { return e.Problem.Error() }

// Unwrap returns the problem.
func (e *SQLError) Unwrap() error { return e.Problem }
