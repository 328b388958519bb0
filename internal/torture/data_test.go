package main

import (
	"slices"
	"strings"
	"testing"

	"waybill/internal/torture/check"
)

// What has to arrive is computed here by hand for some rows.
func TestWants(t *testing.T) {
	now, other := allOrders(), otherOrders()
	tests := []struct {
		name        string
		want        check.Want
		rows        int
		first, last string
		files       int // by FileRows, or by directory
	}{
		{"files", files(now), 200, "1,EU,0", "200,US,718", 4},
		{"files before", files(other), 259, "2,Südamerika,2", "1060,LATAM,59", 5},
		{"partitions", partitions(now), 200, "region=APAC/3,4", "region=US/200,718", 4},
		{"partitions before", partitions(other), 259, "region=APAC/3,4", "region=US/200,718", 5},
		{"changes", changes(other, now), 62, "1,EU,0,added", "1060,LATAM,59,removed", 1},
		{"changes of nothing", changes(now, now), 0, "", "", 0},
	}
	for _, tt := range tests {
		rows := tt.want.Rows
		if len(rows) != tt.rows {
			t.Errorf("%s: %d rows, want %d", tt.name, len(rows), tt.rows)
			continue
		}
		if tt.rows == 0 {
			continue
		}
		if rows[0] != tt.first || rows[len(rows)-1] != tt.last {
			t.Errorf("%s: rows from %q to %q, want %q to %q", tt.name, rows[0], rows[len(rows)-1], tt.first, tt.last)
		}
		count := 1
		if tt.want.FileRows > 0 {
			count = (len(rows) + tt.want.FileRows - 1) / tt.want.FileRows
		} else if strings.Contains(rows[0], "/") {
			dirs := map[string]bool{}
			for _, r := range rows {
				dir, _, _ := strings.Cut(r, "/")
				dirs[dir] = true
			}
			count = len(dirs)
		}
		if count != tt.files {
			t.Errorf("%s: %d files, want %d", tt.name, count, tt.files)
		}
	}
}

// Every flow that is delivered again had more files, or other rows, before.
func TestPastDiffers(t *testing.T) {
	for _, f := range flows() {
		if !f.again() {
			continue
		}
		for _, p := range f.past {
			if slices.Equal(p.data, allOrders()) {
				t.Errorf("%s had the same rows before", f.name)
			}
		}
		for _, w := range f.wants {
			if w.Success != "" && (len(w.Earlier) != 1 || slices.Equal(w.Earlier[0], w.Rows)) {
				t.Errorf("%s: what may stand below the old success file is not what was delivered", f.name)
			}
		}
	}
}
