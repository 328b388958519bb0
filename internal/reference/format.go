package reference

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format lays an example out as a file would have it. The schemas write short
// ones on one line, with two spaces between arguments.
func Format(text string) (string, error) {
	src := []byte(text)
	_, diags := hclsyntax.ParseConfig(src, "example", hcl.InitialPos)
	if diags.HasErrors() {
		spread := strings.NewReplacer("{ ", "{\n", " }", "\n}", "  ", "\n").Replace(text)
		src = []byte(spread)
		if _, again := hclsyntax.ParseConfig(src, "example", hcl.InitialPos); again.HasErrors() {
			return "", diags
		}
	}
	return strings.TrimSpace(string(hclwrite.Format(src))), nil
}
