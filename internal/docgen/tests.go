package main

import (
	"waybill/internal/reference"
	"waybill/internal/schema"
	"waybill/runner/tests"
)

const testsIntro = `# The language of tests

Files named ` + "`*.test.hcl`" + ` hold tests, which ` + "`waybill test`" + ` runs. How to write and run them is told in [Tests](../testing.md).
In a test file stand ` + "`test`" + ` blocks and nothing else. Expressions may use the project's variables, locals and
[functions](language.md#functions); ` + "`variables` and `run`" + `, which are read before the project is, may use functions only.
Paths are relative to the project's directory, and stay inside of it.

`

func testsPage() (string, error) {
	language, err := reference.Describe(registries())
	if err != nil {
		return "", err
	}
	p := &page{}
	for _, f := range language.Functions {
		p.functions = append(p.functions, f.Name)
	}
	p.WriteString(generated + testsIntro)
	for _, b := range tests.Reference() {
		if err := p.block(2, heading(b), b.Block, ""); err != nil {
			return "", err
		}
	}
	return p.String(), nil
}

// testBlocks are the blocks of test files with the paths under which they are
// missed.
func testBlocks() map[string]*schema.Block {
	out := map[string]*schema.Block{}
	for _, b := range tests.Reference() {
		out["test file: "+heading(b)] = b.Block
	}
	return out
}
