package main

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"waybill/internal/diag"
	"waybill/internal/reference"
)

func (a *app) schemaCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "schema [ADDRESS]",
		Short: "Look up the language: blocks, attributes, functions",
		Long: "Tells what a block, an attribute, a function or a value of run is, by its address: sink.s3,\n" +
			"sink.s3.bucket, pipeline.schedule.cron, function.date_add, run.date. Without an address it lists\n" +
			"the blocks. With --json it prints the whole language, or what stands under the address, for\n" +
			"programs; docs/reference/language.schema.json is the JSON Schema of that.",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeAddress,
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := reference.Describe(registries())
			if err != nil {
				return err
			}
			switch {
			case len(args) == 1:
				return a.lookUp(l, args[0], asJSON)
			case asJSON:
				return a.printJSON(l)
			}
			return a.listLanguage(l)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) lookUp(l *reference.Language, address string, asJSON bool) error {
	e, ok := l.Find(address)
	if !ok {
		return noSuchAddress(l, address)
	}
	if asJSON {
		return a.printJSON(jsonItem(e))
	}
	p := &schemaPage{style: a.style}
	switch item := e.Item.(type) {
	case reference.Block:
		p.block(item)
	case reference.Attribute:
		p.attribute(item)
	case reference.Value:
		p.value(item)
	case reference.Function:
		p.function(item)
	case reference.Group:
		p.entries(item.Entries)
		p.line("\n`waybill schema %s` tells more.", item.Entries[0].Address)
	}
	_, err := fmt.Fprint(a.out, p.String())
	return err
}

// jsonItem is an entry as JSON: what it describes, or a list of that.
func jsonItem(e reference.Entry) any {
	g, ok := e.Item.(reference.Group)
	if !ok {
		return e.Item
	}
	var out []any
	for _, inner := range g.Entries {
		out = append(out, inner.Item)
	}
	return out
}

func noSuchAddress(l *reference.Language, address string) error {
	part, below := l.Near(address)
	hint := ""
	if !strings.Contains(address, ".") { // a word alone is more often whole than misspelt
		hint = elsewhere(l, address)
	}
	if hint == "" {
		hint = diag.Suggest(address, below)
	}
	if hint == "" && part == "" {
		hint = diag.Suggest(address, addresses(l))
	}
	if hint == "" {
		hint = elsewhere(l, address)
	}
	if part == "" {
		return refuse("nothing in the language is called %q.%s `waybill schema` lists all blocks", address, hint)
	}
	return refuse("%s holds nothing called %q.%s `waybill schema %s` shows what it holds", part, address[len(part)+1:], hint, part)
}

func addresses(l *reference.Language) []string {
	var out []string
	for _, e := range l.Index() {
		out = append(out, e.Address)
	}
	return out
}

// elsewhere names addresses that end like one that does not exist.
func elsewhere(l *reference.Language, address string) string {
	const most = 4
	last := address[strings.LastIndex(address, ".")+1:]
	var found []string
	for _, e := range l.Index() {
		if strings.HasSuffix(e.Address, "."+last) && len(found) < most {
			found = append(found, e.Address)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return " There is " + strings.Join(found, ", ") + "."
}

func (a *app) listLanguage(l *reference.Language) error {
	p := &schemaPage{style: a.style}
	var top []reference.Entry
	for _, e := range l.Index() {
		switch item := e.Item.(type) {
		case reference.Block:
			if item.In == "file" || item.In == "pipeline" && item.Kind != "" {
				top = append(top, e)
			}
		case reference.Group:
			if item.Address == "run" || item.Address == "function" {
				top = append(top, e)
			}
		}
	}
	p.entries(top)
	p.line("\n`waybill schema sink.s3` and `waybill schema sink.s3.bucket` tell more of one.")
	_, err := fmt.Fprint(a.out, p.String())
	return err
}

// completeAddress proposes addresses, a word at a time.
func completeAddress(_ *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	l, err := reference.Describe(registries())
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	entries, more := l.Complete(typed)
	var out []cobra.Completion
	for _, e := range entries {
		out = append(out, cobra.CompletionWithDesc(e.Address, plainText(e.Summary())))
	}
	directive := cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	if more {
		directive |= cobra.ShellCompDirectiveNoSpace // a dot may follow
	}
	return out, directive
}

// plainText is Markdown without its marks.
func plainText(markdown string) string { return strings.ReplaceAll(markdown, "`", "") }

// schemaPage is what people read about an address.
type schemaPage struct {
	strings.Builder
	style diag.Style
}

func (p *schemaPage) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// textWidth is how wide paragraphs are, in characters.
const textWidth = 96

// paragraph writes indented text after an empty line.
func (p *schemaPage) paragraph(s string) {
	if s == "" {
		return
	}
	p.line("")
	for l := range strings.SplitSeq(text.WrapSoft(plainText(s), textWidth), "\n") {
		p.line("  %s", strings.TrimRight(l, " "))
	}
}

// code writes indented HCL after an empty line.
func (p *schemaPage) code(s string) {
	p.line("\n  %s", strings.ReplaceAll(s, "\n", "\n  "))
}

func (p *schemaPage) heading(address, what string) {
	p.line("%s  %s", p.style.Bold(address), p.style.Faint(what))
}

// pending says that something is checked, and no more.
func (p *schemaPage) pending(yes bool) {
	if yes {
		p.paragraph("Checked, but not carried out yet: a pipeline that uses it does not run.")
	}
}
