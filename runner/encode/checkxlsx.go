package encode

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
)

// maxSheetName is how many UTF-16 units a sheet's name may have.
const maxSheetName = 31

var color = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

func (f Format) checkXLSX() error {
	switch {
	case len(utf16.Encode([]rune(f.Sheet))) > maxSheetName:
		return invalid("sheet", "%q has more than 31 characters.", f.Sheet)
	case strings.ContainsAny(f.Sheet, `:\/?*[]`) || strings.HasPrefix(f.Sheet, "'") || strings.HasSuffix(f.Sheet, "'") || textFault(f.Sheet) != "":
		return invalid("sheet", "%q has a character that no sheet's name may have: one of : \\ / ? * [ ], or an apostrophe at its beginning or end.", f.Sheet)
	}
	for _, name := range sortedKeys(f.ColumnWidths) {
		if w := f.ColumnWidths[name]; !(w >= 1 && w <= 255) {
			return invalid("column_widths", "%q is "+strconv.FormatFloat(w, 'g', -1, 64)+" and not from 1 to 255.", name)
		}
	}
	if h := f.HeaderStyle; h != nil {
		for _, c := range []struct{ name, value string }{{"fill", h.Fill}, {"color", h.Color}} {
			if c.value != "" && !color.MatchString(c.value) {
				return invalid("header_style."+c.name, `%q is no color. Write it as "#1F4E78".`, c.value)
			}
		}
	}
	return nil
}
