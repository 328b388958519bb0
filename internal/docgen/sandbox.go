package main

import "waybill/internal/sandbox"

const sandboxIntro = `# The sandbox language

Files named ` + "`*.sandbox.hcl`" + ` declare the AWS that a project meets in the local sandbox. How to use it, and how it
differs from AWS, is told in [the sandbox](../sandbox.md). All sandbox files of a project are read as one. They have no
variables; the functions are concat, file, format, join, jsondecode, jsonencode, merge and range.

`

func sandboxPage() (string, error) {
	p := &page{functions: []string{"concat", "file", "format", "join", "jsondecode", "jsonencode", "merge", "range"}}
	p.WriteString(generated + sandboxIntro)
	for _, b := range sandbox.Schema() {
		if err := p.block(2, b.Type, b, ""); err != nil {
			return "", err
		}
	}
	return p.String(), nil
}
