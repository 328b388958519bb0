package tests

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"waybill/internal/sqltype"
)

func mustTree(athena string) sqltype.Tree {
	out, err := sqltype.ParseAthena(athena)
	if err != nil {
		panic(err)
	}
	return out
}

// table reads rows from lines of cells: a text, a number, NULL, or "~1.5" for a
// floating-point number.
func table(text string) [][]value {
	var out [][]value
	for line := range strings.SplitSeq(text, "\n") {
		var row []value
		for cell := range strings.FieldsSeq(line) {
			switch {
			case cell == "NULL":
				row = append(row, came(mustTree("varchar"), nil))
			case cell[0] == '~':
				row = append(row, leaf(mustTree("double"), cell[1:]))
			case cell[0] >= '0' && cell[0] <= '9':
				row = append(row, leaf(mustTree("decimal(38,2)"), cell))
			default:
				row = append(row, leaf(mustTree("varchar"), strings.Trim(cell, "'")))
			}
		}
		if row != nil {
			out = append(out, row)
		}
	}
	return out
}

func TestDiffs(t *testing.T) {
	for _, tt := range []struct{ name, want, got, diff string }{
		{"equal in another order", "EU 1\nUS 2", "US 2\nEU 1", ""},
		{"none at all", "", "", ""},
		{"equal rows count as often as they occur", "EU 1\nEU 1", "EU 1\nEU 1\nEU 1", `
  name   total
+ EU     1
`},
		{"a changed cell", "EU 1\nUS 2", "EU 1\nUS 3", `
  name   total
~ US     - 2 / + 3
`},
		{"missing and unexpected", "EU 1\nUS 2", "EU 1\nAPAC 7", `
  name   total
- US     2
+ APAC   7
`},
		{"the key decides which row is which", "EU 1\nUS 1\nAPAC 1", "EU 2\nUS 1\nAPAC 1", `
  name   total
~ EU     - 1 / + 2
`},
		{"all missing", "EU 1", "", `
  name   total
- EU     1
`},
		{"all unexpected", "", "EU 1", `
  name   total
+ EU     1
`},
		{"NULL is not the empty text", "'' 1\nUS NULL", "NULL 1\nUS NULL", `
  name            total
~ - '' / + NULL   1
`},
		{"a text is not a number", "EU 10", "EU '10'", `
  name   total
~ EU     - 10 / + '10'
`},
		{"nearly equal floats are equal", "EU ~0.3\nUS ~1", "US ~1.0000000001\nEU ~0.30000000000000004", ""},
		{"other floats are not", "EU ~0.3\nUS ~1", "US ~1.00001\nEU ~0.3", `
  name   total
~ US     - 1 / + 1.00001
`},
		{"tolerance takes no row from its twin", "A ~1.0000000005\nA ~1", "A ~1\nA ~1.0000000005", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if changes := diffRows(table(tt.want), table(tt.got)); len(changes) > 0 {
				got = "\n" + diffTable([]string{"name", "total"}, changes) + "\n"
			}
			if got != tt.diff {
				t.Errorf("got:%s\nwant:%s", got, tt.diff)
			}
		})
	}
}

func TestManyDifferencesAreCut(t *testing.T) {
	var want []string
	for i := range 50 {
		want = append(want, fmt.Sprintf("name%d %d", i, i))
	}
	text := diffTable([]string{"name", "n"}, diffRows(table(strings.Join(want, "\n")), nil))
	lines := strings.Split(text, "\n")
	if len(lines) != 1+mostShown+1 || lines[len(lines)-1] != "… and 30 more" {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
}

// A long cell is cut, but not where it differs.
func TestLongCellsShowWhereTheyDiffer(t *testing.T) {
	long := strings.Repeat("a", 200)
	changed := long[:150] + "B" + long[151:]
	got := diffTable([]string{"k", "text"}, diffRows(table("x "+long), table("x "+changed)))
	if !strings.Contains(got, "B") || len(got) > 400 {
		t.Errorf("got:\n%s", got)
	}
	if strings.ContainsAny(clip("a\x1b[31m\u202eb\nc", 0), "\x1b\u202e\n") {
		t.Error("a cell steers the terminal")
	}
}

// Of a wide table only the columns that differ are shown, and the first.
func TestWideTables(t *testing.T) {
	columns := strings.Fields("id b c d e f g h i j")
	want, got := table("1 x x x x x x x x x"), table("1 x x x x y x x x x")
	if text := diffTable(columns, diffRows(want, got)); text != "  id   f\n~ 1    - x / + y\n(8 columns without a difference are not shown)" {
		t.Errorf("got\n%s", text)
	}
	if text := diffTable(columns, diffRows(want, nil)); !strings.Contains(text, "j") {
		t.Errorf("got\n%s", text)
	}
}

func TestOrder(t *testing.T) {
	want, got := table("EU 1\nUS 2\nAPAC 3"), table("US 2\nEU 1\nAPAC 3")
	moved := rowFailures([]string{"name", "total"}, want, got, true)
	if len(moved) != 1 || !strings.Contains(moved[0].Summary, "another order") || strings.Contains(moved[0].Text, "APAC") {
		t.Errorf("got %v", moved)
	}
	if found := rowFailures([]string{"name", "total"}, want, got, false); len(found) != 0 {
		t.Errorf("got %v", found)
	}
	if found := rowFailures([]string{"name", "total"}, want, want, true); len(found) != 0 {
		t.Errorf("got %v", found)
	}
}

func rowsGen(columns int) *rapid.Generator[[][]value] {
	cell := rapid.Custom(func(t *rapid.T) value {
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			return came(mustTree("varchar"), nil)
		case 1:
			return leaf(mustTree("varchar"), rapid.SampledFrom([]string{"", "a", "b", "NULL"}).Draw(t, "text"))
		case 2:
			return leaf(mustTree("bigint"), fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "number")))
		}
		return leaf(mustTree("double"), fmt.Sprint(1+rapid.Float64Range(0, 4e-9).Draw(t, "float")))
	})
	return rapid.SliceOfN(rapid.SliceOfN(cell, columns, columns), 0, 12)
}

func shuffled(rows [][]value, seed uint64) [][]value {
	out := slices.Clone(rows)
	rand.New(rand.NewPCG(seed, 1)).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// Equal multisets have no differences, whatever their order.
func TestEqualMultisets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rowsGen(3).Draw(t, "rows")
		if changes := diffRows(rows, shuffled(rows, rapid.Uint64().Draw(t, "seed"))); len(changes) > 0 {
			t.Fatalf("%d changes", len(changes))
		}
	})
}

// A single cell that is changed is always reported, and nothing else is but
// rows that hold it.
func TestSingleChangeIsReported(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rowsGen(3).Filter(func(rows [][]value) bool { return len(rows) > 0 }).Draw(t, "rows")
		other := shuffled(rows, rapid.Uint64().Draw(t, "seed"))
		at, column := rapid.IntRange(0, len(rows)-1).Draw(t, "row"), rapid.IntRange(0, 2).Draw(t, "column")
		row := slices.Clone(other[at])
		row[column] = leaf(mustTree("varchar"), "changed")
		other[at] = row
		changes := diffRows(rows, other)
		shown := diffTable([]string{"a", "b", "c"}, changes)
		if len(changes) == 0 || len(changes) > 2 || !strings.Contains(shown, "changed") {
			t.Fatalf("%d changes:\n%s", len(changes), shown)
		}
	})
}

// Each row that is left over stands in exactly one change.
func TestNoRowIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want, got := rowsGen(2).Draw(t, "want"), rowsGen(2).Draw(t, "got")
		wanted, came := 0, 0
		for _, c := range diffRows(want, got) {
			if c.want != nil {
				wanted++
			}
			if c.got != nil {
				came++
			}
		}
		if len(want)-wanted != len(got)-came {
			t.Fatalf("%d of %d wanted rows and %d of %d others have no match", wanted, len(want), came, len(got))
		}
	})
}

func TestLists(t *testing.T) {
	if got := diffLists([]string{"a", "b", "b"}, []string{"b", "c"}); got != "- a\n  b\n- b\n+ c" {
		t.Errorf("got\n%s", got)
	}
}

func TestTexts(t *testing.T) {
	for _, tt := range []struct{ want, got, diff string }{
		{"a\nb\n", "a\nc\n", "@@ -1,2 +1,2 @@\n a\n-b\n+c"},
		{"a\n", "a", "@@ -1,1 +1,1 @@\n-a\n+a\n\\ No newline at end of file"},
		{"a\n", "a\r\n", "@@ -1,1 +1,1 @@\n-a\n+a␍"},
		{"a\n", "a\nb\n", "@@ -1,1 +1,2 @@\n a\n+b"},
		{strings.Repeat("x\n", 99), "", "@@ -1,99 +0,0 @@\n" + strings.Repeat("-x\n", 23) + "… and 76 more"},
		{"\x1b[2J\n", "", "@@ -1,1 +0,0 @@\n-\ufffd[2J"},
	} {
		if got := diffText([]byte(tt.want), []byte(tt.got)); got != tt.diff {
			t.Errorf("%q and %q:\n%s\nwant\n%s", tt.want, tt.got, got, tt.diff)
		}
	}
}
