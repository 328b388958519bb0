package transform

import (
	"fmt"
	"slices"
	"strings"

	"waybill/internal/dataset"
	"waybill/internal/sqltype"
)

// ChangeColumn is the column that a diff adds, and what it says of a row.
const (
	ChangeColumn = "_change"
	RowAdded     = "added"
	RowChanged   = "changed"
	RowRemoved   = "removed"
)

// AllAdded is the diff of a relation against nothing.
func AllAdded(now string) string {
	return fmt.Sprintf("SELECT *, '%s' AS %s FROM %s", RowAdded, quote(ChangeColumn), quote(now))
}

// Diff is the statement of the rows by which the relation called now differs
// from the one called before, in the columns of now and the column _change.
// Rows are the same row if they agree in keys, which must be columns of both
// and unique in both; NULL agrees with NULL. A column that before lacks, and a
// value that does not fit the column's type of now, counts as NULL there.
func Diff(now, before string, columns, had dataset.Schema, keys []string) (string, error) {
	olds := make([]string, len(columns))
	for i, c := range columns {
		duck, err := sqltype.ToDuck(c.Type)
		if err != nil {
			return "", err
		}
		olds[i] = "CAST(NULL AS " + duck + ")"
		if at := had.Index(c.Name); at >= 0 {
			olds[i] = "TRY_CAST(" + quote(had[at].Name) + " AS " + duck + ")"
		}
		olds[i] += " AS " + quote(c.Name)
	}
	var selects, differ, join []string
	for _, c := range columns {
		n, b := "n."+quote(c.Name), "b."+quote(c.Name)
		selects = append(selects, fmt.Sprintf("CASE WHEN n.%s IS NULL THEN %s ELSE %s END AS %s", present, b, n, quote(c.Name)))
		if slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, c.Name) }) {
			join = append(join, n+" IS NOT DISTINCT FROM "+b)
		} else {
			differ = append(differ, n+" IS DISTINCT FROM "+b)
		}
	}
	differ = append([]string{"n." + present + " IS NULL", "b." + present + " IS NULL"}, differ...)
	return fmt.Sprintf("SELECT %s, CASE WHEN b.%s IS NULL THEN '%s' WHEN n.%s IS NULL THEN '%s' ELSE '%s' END AS %s "+
		"FROM (SELECT *, true AS %s FROM %s) n FULL OUTER JOIN (SELECT %s, true AS %s FROM %s) b ON %s WHERE %s",
		strings.Join(selects, ", "), present, RowAdded, present, RowRemoved, RowChanged, quote(ChangeColumn),
		present, quote(now), strings.Join(olds, ", "), present, quote(before), strings.Join(join, " AND "), strings.Join(differ, " OR ")), nil
}

// present marks the side of a join that has a row. No column of a user's is
// called that: names with a colon at both ends are nobody's.
const present = `":present:"`

// DuplicateKeys is the statement of the keys that occur more than once.
func DuplicateKeys(now string, keys []string) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = quote(k)
	}
	list := strings.Join(names, ", ")
	return fmt.Sprintf("SELECT %s FROM %s GROUP BY %s HAVING count(*) > 1", list, quote(now), list)
}
