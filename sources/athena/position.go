package athena

import "fmt"

// A Position is a place in the text of the user's query: line and column from
// 1, columns counted in characters.
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// IsZero reports whether the position is not known.
func (p Position) IsZero() bool { return p.Line == 0 }

// String renders the position as "line 3, column 15".
func (p Position) String() string { return fmt.Sprintf("line %d, column %d", p.Line, p.Column) }

// A PositionError says where in the user's query a mistake stands. It is found
// in the chain of a problem by errors.As; whoever knows the file that the query
// came from adds the rest.
type PositionError struct {
	At  Position
	Err error
}

// Error returns the position and what is wrong there.
func (e *PositionError) Error() string { return e.At.String() + ": " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *PositionError) Unwrap() error { return e.Err }

// Position returns the line and column, for callers that ask by interface.
func (e *PositionError) Position() (line, column int) { return e.At.Line, e.At.Column }

func at(p Position, err error) error { return &PositionError{At: p, Err: err} }

// inQuery turns a position in the text that Athena was sent into one in the
// text that the user wrote. wrapped is the number of lines that stand before
// the query's own.
func (s statement) inQuery(p Position, wrapped int) Position {
	p.Line -= wrapped
	if p.Line < 1 {
		return Position{}
	}
	if p.Line == 1 {
		p.Column += s.skipped.Column - 1
	}
	p.Line += s.skipped.Line - 1
	return p
}
