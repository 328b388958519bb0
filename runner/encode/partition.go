package encode

import (
	"fmt"
	"strings"
)

// NullPartition is the name that Hive gives to the partition of rows without a
// value. Hive and Spark put the empty text there too, which a path could not
// tell from nothing at all.
const NullPartition = "__HIVE_DEFAULT_PARTITION__"

// PartitionDir is the directory of a partition as Hive, Spark and Athena name
// it: "region=EU/day=2026-01-31/". A nil value, and an empty one, is
// NullPartition.
func PartitionDir(columns []string, values []*string) string {
	var b strings.Builder
	for i, c := range columns {
		b.WriteString(escapePath(c))
		b.WriteByte('=')
		if v := values[i]; v == nil || *v == "" {
			b.WriteString(NullPartition)
		} else {
			b.WriteString(escapePath(*v))
		}
		b.WriteByte('/')
	}
	return b.String()
}

// escapePath writes %XX for the characters that Hive's FileUtils and Spark's
// ExternalCatalogUtils escape, and for those alone: readers unescape any %XX,
// but compare some names as they are written.
func escapePath(text string) string {
	if !strings.ContainsFunc(text, escaped) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if escaped(r) {
			fmt.Fprintf(&b, "%%%02X", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func escaped(r rune) bool {
	return r < 0x20 || r == 0x7f || strings.ContainsRune(`"#%'*/:=?\{[]^`, r)
}
