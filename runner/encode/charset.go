package encode

import (
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// UTF8 is the default encoding of CSV, and the only one of other text.
const UTF8 = "utf-8"

// A charset is an encoding that CSV can have.
type charset struct {
	name     string // as media types have it
	bom      bool
	encoding encoding.Encoding // nil: UTF-8, as DuckDB writes it
}

var charsets = map[string]charset{
	UTF8:           {name: "utf-8"},
	"utf-8-bom":    {name: "utf-8", bom: true},
	"utf-16le":     {name: "utf-16le", encoding: unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)},
	"utf-16le-bom": {name: "utf-16", bom: true, encoding: unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)},
	"utf-16be":     {name: "utf-16be", encoding: unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)},
	"utf-16be-bom": {name: "utf-16", bom: true, encoding: unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)},
	"windows-1252": {name: "windows-1252", encoding: charmap.Windows1252},
	"iso-8859-1":   {name: "iso-8859-1", encoding: charmap.ISO8859_1},
}

// encodings lists the charsets in the order of their documentation.
func encodings() []string {
	return []string{UTF8, "utf-8-bom", "utf-16le", "utf-16le-bom", "utf-16be", "utf-16be-bom", "windows-1252", "iso-8859-1"}
}

// encoder turns UTF-8 into the charset. It fails at a character that the
// charset lacks.
func (c charset) encoder() transform.Transformer {
	if c.encoding == nil {
		return transform.Nop
	}
	return c.encoding.NewEncoder()
}

// encodable reports whether an encoding has all of a text's characters. It does
// if there is no such encoding, which is reported elsewhere.
func encodable(name, text string) bool {
	_, _, err := transform.String(charsets[name].encoder(), text)
	return err == nil
}
