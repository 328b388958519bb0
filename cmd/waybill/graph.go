package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"waybill/internal/diag"
	"waybill/internal/picture"
	"waybill/internal/problem"
	"waybill/runner/compile"
)

// graphFormats are what a graph can be drawn as.
var graphFormats = []string{"text", "dot", "mermaid", "svg"}

// formatOfFile is the format that a file's extension stands for.
var formatOfFile = map[string]string{
	".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".mermaid": "mermaid", ".txt": "text",
}

func (a *app) graphCommand() *cobra.Command {
	var f projectFlags
	var format, file string
	cmd := &cobra.Command{
		Use:   "graph [PIPELINE …]",
		Short: "Draw pipelines: where data comes from, and where it goes",
		Long: "Draws the graph of the project, or of the pipelines named: sources, transforms, checks,\n" +
			"conditions, and sinks with their place and the role they assume. It calls no network and runs\n" +
			"nothing. On a terminal it is a list; as svg an image; dot is Graphviz's language and mermaid\n" +
			"that of Markdown pages. A file's extension (.svg, .dot, .mmd, .txt) says the format as well.",
		ValidArgsFunction: f.completePipelines,
		RunE: func(_ *cobra.Command, args []string) error {
			format, err := a.graphFormat(format, file)
			if err != nil {
				return err
			}
			return a.graph(&f, args, format, file)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&format, "format", "", "`format`: "+strings.Join(graphFormats, ", ")+" (default text on a terminal, otherwise dot)")
	cmd.Flags().StringVarP(&file, "output", "o", "", "`file` to write, - for standard output")
	completeValues(cmd, "format", graphFormats...)
	return cmd
}

// graphFormat is the format asked for, by name, by the file's extension, or by
// who is reading.
func (a *app) graphFormat(name, file string) (string, error) {
	toFile := file != "" && file != "-"
	switch byFile := formatOfFile[strings.ToLower(filepath.Ext(file))]; {
	case name != "" && !slices.Contains(graphFormats, name):
		return "", mistake("--format %q is no format.%s There are: %s", name, diag.Suggest(name, graphFormats), strings.Join(graphFormats, ", "))
	case name != "":
		return name, nil
	case toFile && byFile != "":
		return byFile, nil
	case !toFile && a.tty:
		return "text", nil
	}
	return "dot", nil
}

func (a *app) graph(f *projectFlags, names []string, format, file string) error {
	g, err := a.load(f)
	if err != nil {
		return err
	}
	pipelines := g.Pipelines
	if len(names) > 0 {
		pipelines = nil
		for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
			p := findPipeline(g, name)
			if p == nil {
				return noSuchPipeline(g, name)
			}
			pipelines = append(pipelines, p)
		}
	}
	if len(pipelines) == 0 {
		return refuse("there is nothing to draw: the project has no pipeline")
	}
	var b bytes.Buffer
	if err := a.drawGraph(&b, pictureOf(pipelines), format, file == "" || file == "-"); err != nil {
		return err
	}
	if file == "" || file == "-" {
		_, err := a.out.Write(b.Bytes())
		return err
	}
	if err := os.WriteFile(file, b.Bytes(), 0o666); err != nil {
		return problem.New("file-write-failed", fmt.Sprintf("%s cannot be written", file), err)
	}
	return nil
}

func (a *app) drawGraph(w io.Writer, p *picture.Picture, format string, shown bool) error {
	switch format {
	case "dot":
		return picture.DOT(w, p)
	case "mermaid":
		return picture.Mermaid(w, p)
	case "svg":
		return picture.SVG(w, p)
	}
	var e picture.Emphasis
	if shown {
		e = picture.Emphasis{Strong: a.style.Bold, Faint: a.style.Faint}
	}
	return picture.Text(w, p, e)
}

// pictureOf is what there is to draw of pipelines.
func pictureOf(pipelines []*compile.Pipeline) *picture.Picture {
	out := &picture.Picture{}
	drawn := map[string]bool{}
	for _, p := range pipelines {
		drawn[p.Name] = true
	}
	for _, p := range pipelines {
		for _, up := range p.After {
			if drawn[up] {
				out.Links = append(out.Links, picture.Edge{From: up, To: p.Name})
			}
		}
		c := picture.Cluster{ID: p.Name, Title: p.Name, Notes: firing(p), Off: !p.Enabled}
		if p.Description != "" {
			c.Notes = append([]string{p.Description}, c.Notes...)
		}
		looks := p.Looks()
		for _, s := range byFamily(p.Steps) {
			c.Nodes = append(c.Nodes, picture.Node{
				ID: s.Address, Name: s.Name, Family: picture.Family(s.Family), Kind: s.Kind, Notes: stepNotes(looks[s.Address]),
			})
			for _, in := range s.Inputs {
				c.Edges = append(c.Edges, picture.Edge{From: in, To: s.Address})
			}
			if s.Family == compile.Wait {
				for _, o := range p.Steps {
					if o.Family == compile.Source {
						c.Edges = append(c.Edges, picture.Edge{From: s.Address, To: o.Address})
					}
				}
			}
		}
		out.Clusters = append(out.Clusters, c)
	}
	return out
}

// byFamily sorts steps as people tell them: from sources to sinks, and within a
// family each after what it reads from.
func byFamily(steps []*compile.Step) []*compile.Step {
	families := []string{compile.Wait, compile.Source, compile.Transform, compile.Check, compile.Condition, compile.Sink}
	return slices.SortedStableFunc(slices.Values(steps), func(a, b *compile.Step) int {
		return slices.Index(families, a.Family) - slices.Index(families, b.Family)
	})
}

// firing says in words when a pipeline runs.
func firing(p *compile.Pipeline) []string {
	var out []string
	if len(p.After) > 0 {
		out = append(out, "after "+strings.Join(p.After, ", "))
	} else if len(p.Triggers) == 0 {
		return []string{"no schedule"}
	}
	for _, t := range p.Triggers {
		out = append(out, t.Schedule.Describe())
	}
	if !p.Enabled {
		out = append(out, "disabled: it does not fire")
	}
	return out
}

// stepNotes are the lines below a step's name.
func stepNotes(l compile.Look) []string {
	var out []string
	if strings.Contains(l.Place, "://") { // "file:" tells nothing that the path does not
		out = append(out, l.Place)
	}
	if l.File != "" {
		out = append(out, l.File)
	}
	if l.Role != "" {
		out = append(out, "as "+roleText(l.Role))
	}
	if l.Warns {
		out = append(out, "only warns")
	}
	return out
}

// roleText is an ARN as people say it: the role's name and its account.
func roleText(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return arn
	}
	return fmt.Sprintf("%s (%s)", parts[5][strings.LastIndex(parts[5], "/")+1:], parts[4])
}
