package main

import (
	"embed"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"waybill/internal/torture/check"
)

//go:embed flows/*.hcl
var fixtures embed.FS

// sandboxFile declares the accounts and tables that all flows use.
const sandboxFile = "aws.sandbox.hcl"

// A flow is a pipeline that is tortured: flows/PIPELINE.hcl, with one pipeline
// PIPELINE. {trial} in a key stands for the value of the variable trial.
type flow struct {
	name      string
	pipeline  string // the name, if it is empty
	wants     []check.Want
	past      []past // what has been delivered when the torture begins, oldest first
	plain     bool   // S3 and nothing else: works with any S3
	scheduled bool   // a daemon fires it; has the variable trial
}

// A past is an earlier delivery of a flow.
type past struct {
	years int // how long before the slot that is tortured; 0: the same slot
	data  []order
}

// flows is where another one is added: a line here and its fixture.
func flows() []flow {
	now, other, third := allOrders(), otherOrders(), thirdOrders()
	list := []flow{
		{name: "single", plain: true, wants: []check.Want{orders("sink.own", "own-inbox", "single/{date}")}},
		{name: "parts", plain: true, wants: []check.Want{many("sink.own", "own-inbox", "parts/{date}")}},
		{name: "athena", wants: []check.Want{orders("sink.acme", "acme-inbox", "athena/{date}")}},
		{name: "partners", wants: []check.Want{many("sink.acme", "acme-inbox", "partners/{date}"), totals("sink.birdwatch", "birdwatch-drop", "partners/{date}")}},
		{name: "files", plain: true, wants: []check.Want{files(now)}},
		{name: "files-again", pipeline: "files", plain: true, past: []past{{0, other}}, wants: []check.Want{files(now, other)}},
		{name: "partitions", plain: true, wants: []check.Want{partitions(now)}},
		{name: "partitions-again", pipeline: "partitions", plain: true, past: []past{{0, other}}, wants: []check.Want{partitions(now, other)}},
		{name: "diff", plain: true, past: []past{{20, other}}, wants: []check.Want{changes(other, now)}},
		{name: "diff-again", pipeline: "diff", plain: true, past: []past{{20, other}, {0, third}}, wants: []check.Want{changes(other, now)}},
		{name: "scheduled", plain: true, scheduled: true, wants: []check.Want{orders("sink.own", "own-inbox", "scheduled/{trial}/{minute}")}},
	}
	for i := range list {
		if list[i].pipeline == "" {
			list[i].pipeline = list[i].name
		}
	}
	return list
}

// again reports whether the slot has been delivered before.
func (f flow) again() bool {
	return slices.ContainsFunc(f.past, func(p past) bool { return p.years == 0 })
}

// write makes the flow's project in a directory.
func (f flow) write(dir string) error {
	return writeProject(dir, f.pipeline+".hcl")
}

func writeProject(dir, fixture string) error {
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
		return err
	}
	text, err := fixtures.ReadFile("flows/" + fixture)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, fixture), text, 0o600); err != nil {
		return err
	}
	return writeOrders(dir, allOrders())
}

// writeOrders makes the source data of a project.
func writeOrders(dir string, list []order) error {
	lines := []string{"id,region,amount"}
	for _, o := range list {
		lines = append(lines, o.line())
	}
	return os.WriteFile(filepath.Join(dir, "data", "orders.csv"), []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

// wantsOf fills in the trial's name.
func (f flow) wantsOf(trial string) []check.Want {
	out := slices.Clone(f.wants)
	for i := range out {
		for _, key := range []*string{&out[i].Prefix, &out[i].Manifest, &out[i].Success} {
			*key = strings.ReplaceAll(*key, "{trial}", trial)
		}
	}
	return out
}
