package runner

import (
	"fmt"
	"strings"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/internal/sqltype"
	"waybill/runner/compile"
)

// ContractKept compares what a source promised with what came: the same columns
// with the same types, in whatever order. What differs is "contract-broken".
func ContractKept(s *compile.Step, contract, came dataset.Schema) error {
	broken := len(contract) != len(came)
	for _, c := range contract {
		i := came.Index(c.Name)
		broken = broken || i < 0 || !sameType(c.Type, came[i].Type)
	}
	if !broken {
		return nil
	}
	p := problem.New("contract-broken", fmt.Sprintf("%s brought other columns than it promises", s.Address), nil)
	p.Snippet = sideBySide(contract, came)
	return p
}

// sameType compares types by what they hold: string is varchar, and lengths
// are nothing that waybill enforces.
func sameType(a, b string) bool {
	left, errA := sqltype.ToDuck(a)
	right, errB := sqltype.ToDuck(b)
	return errA == nil && errB == nil && left == right
}

// sideBySide shows promised and brought columns, with a mark where they differ.
func sideBySide(contract, came dataset.Schema) string {
	rows := [][3]string{{"", "promised", "came"}}
	for _, c := range contract {
		row := [3]string{" ", c.Name + " " + c.Type, "nothing"}
		if i := came.Index(c.Name); i >= 0 {
			row[2] = came[i].Name + " " + came[i].Type
			if !sameType(c.Type, came[i].Type) {
				row[0] = "≠"
			}
		} else {
			row[0] = "≠"
		}
		rows = append(rows, row)
	}
	for _, c := range came {
		if contract.Index(c.Name) < 0 {
			rows = append(rows, [3]string{"≠", "nothing", c.Name + " " + c.Type})
		}
	}
	width := 0
	for _, r := range rows {
		width = max(width, len(r[1]))
	}
	lines := make([]string, len(rows))
	for i, r := range rows {
		lines[i] = strings.TrimRight(fmt.Sprintf("%-1s %-*s   %s", r[0], width, r[1], r[2]), " ")
	}
	return strings.Join(lines, "\n")
}
