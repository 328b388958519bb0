package file

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/dataset"
	"waybill/internal/schema"
)

// Config is what a user writes in a source "file" block.
type Config struct {
	Path   string  `wb:"path"` // relative to the project's directory
	Format *Format `wb:"format"`
}

// Reads is the path of the file below the project, in one spelling.
func (c Config) Reads() string { return path.Clean(filepath.ToSlash(c.Path)) }

// Format says how the file is encoded. The names of its kinds and attributes
// are those of the formats that a sink writes, as far as reading needs them.
type Format struct {
	Kind      string `wb:",label"` // csv, parquet, ndjson
	Header    bool   `wb:"header"`
	Delimiter string `wb:"delimiter"`
	Quote     string `wb:"quote"`
	Escape    string `wb:"escape"`
	Null      string `wb:"null"`
}

// Block describes the attributes of a source "file".
func Block() *schema.Block {
	return &schema.Block{
		Type: "file",
		Doc:  "Reads one local file. The file is copied when the run reads it, so that a retry sees the same rows even if the file changes meanwhile.",
		Example: `source "file" "regions" {
  path = "data/regions.csv"
  format "csv" {}
}`,
		Attrs: []schema.Attr{
			{Name: "path", Type: schema.String, Required: true, Example: `"data/regions.csv"`,
				Doc: "The file, relative to the project's directory, which it may not leave, neither by .. nor by a symbolic link. One file: patterns are not expanded."},
		},
		Blocks: []schema.Nested{{Block: formatBlock(), Required: true}},
	}
}

func formatBlock() *schema.Block {
	return &schema.Block{
		Type:    "format",
		Labels:  []schema.Label{{Name: "kind", Doc: "csv, parquet or ndjson."}},
		Doc:     "How the file is encoded.",
		Example: `format "csv" {}`,
		Variants: []schema.Block{
			{Type: string(dataset.CSV), Doc: "Values separated by a character, in UTF-8. Types come from columns, or else from reading the whole file: a column is a number, date, time or boolean only if each of its values would print as the same text again or, for numbers with a fraction, as the same number; such numbers become an exact decimal. All else is varchar, so 007, 12E4 and 13/02/2026 stay what they are. Since types then depend on the data of the day, give columns where the receiver relies on them.",
				Example: "format \"csv\" {\n  delimiter = \";\"\n}", Attrs: csvAttrs()},
			{Type: string(dataset.Parquet), Doc: "Apache Parquet. The file tells its own names and types.", Example: `format "parquet" {}`},
			{Type: string(dataset.NDJSON), Doc: "One JSON object in each line.", Example: `format "ndjson" {}`},
		},
	}
}

func csvAttrs() []schema.Attr {
	return []schema.Attr{
		{Name: "header", Type: schema.Bool, Default: "true", Doc: "Whether the first line names the columns."},
		{Name: "delimiter", Type: schema.String, Default: ",", Example: `"\t"`, Doc: "The character between values."},
		{Name: "quote", Type: schema.String, Default: `"`, Doc: "The character around values that hold the delimiter, a quote or a line break."},
		{Name: "escape", Type: schema.String, Default: `"`, Doc: "The character in front of a quote inside of a quoted value; the quote itself means that quotes are doubled."},
		{Name: "null", Type: schema.String, Example: `"\\N"`, Doc: "The unquoted text that stands for NULL. Absent: nothing at all."},
	}
}

// check looks at what is known of a configuration before a run.
func check(c Config, v *schema.Values) hcl.Diagnostics {
	diags := checkPath(c.Path, v)
	if c.Format == nil || c.Format.Kind != string(dataset.CSV) {
		return diags
	}
	for _, a := range []struct{ name, value string }{{"delimiter", c.Format.Delimiter}, {"quote", c.Format.Quote}, {"escape", c.Format.Escape}} {
		if path := "format." + a.name; v.Known(path) && !oneCharacter(a.value) {
			diags = append(diags, v.Error(path, "invalid-value", a.name+" is not one ASCII character", `Write for instance `+a.name+` = ";".`))
		}
	}
	if f := c.Format; v.Known("format.delimiter") && (f.Delimiter == f.Quote || f.Delimiter == f.Escape) {
		diags = append(diags, v.Error("format.delimiter", "invalid-value", "the delimiter is the quote or the escape too", "Values could not be told apart. Use another character."))
	}
	if strings.ContainsAny(c.Format.Null, "\r\n"+c.Format.Delimiter+c.Format.Quote) {
		diags = append(diags, v.Error("format.null", "invalid-value", "null holds the delimiter, the quote or a line break", "It could not be told from values. Use another text."))
	}
	return diags
}

// checkPath looks at the path attribute of a source or wait.
func checkPath(path string, v *schema.Values) hcl.Diagnostics {
	switch {
	case !v.Known("path"):
		return nil
	case path == "":
		return hcl.Diagnostics{v.Error("path", "invalid-value", "path is empty", "Name a file, relative to the project's directory.")}
	case !filepath.IsLocal(filepath.FromSlash(path)):
		return hcl.Diagnostics{v.Error("path", "path-outside", fmt.Sprintf("%q leads out of the project", path),
			"Use a path that is relative to the project's directory and stays inside of it.")}
	}
	return nil
}

func oneCharacter(s string) bool {
	return len(s) == 1 && s[0] < 0x80 && !strings.ContainsAny(s, "\r\n\x00")
}
