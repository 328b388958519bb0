// Package compile turns a project's files into a Generation: typed, connected
// and checked. It is pure: it calls no network, starts nothing and gives the
// same answer for the same files, so that validate, plan and the daemon agree.
package compile

import (
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"waybill/config"
	"waybill/runner/retry"
	"waybill/runner/schedule"
	"waybill/runner/transform"
	"waybill/sinks"
	"waybill/sources"
)

// Registries are the kinds of components that the language knows.
type Registries struct {
	Waiters    sources.WaiterRegistry
	Sources    sources.Registry
	Transforms transform.Registry
	Checks     transform.CheckRegistry
	Conditions transform.ConditionRegistry
	Sinks      sinks.Registry
}

// A Generation is a whole configuration, complete and without errors. It never
// changes; a changed file makes a new one.
type Generation struct {
	Digest    string // of all files it was made from
	Settings  Settings
	Pipelines []*Pipeline // in order of their names
	Moves     []Move      // renamed pipelines; To is one of this generation
	Files     map[string][]byte

	project *config.Project
	vars    config.Vars
	regs    Registries

	pipelineNames cty.Value // see schema.Scope.Pipelines
	notifier      cty.Value // the notifiers, by their names
	connection    cty.Value // the connections, as far as they are known without a run
}

// Pipeline returns the pipeline of that name, or nil.
func (g *Generation) Pipeline(name string) *Pipeline {
	i, ok := slices.BinarySearchFunc(g.Pipelines, name, func(p *Pipeline, n string) int {
		switch {
		case p.Name < n:
			return -1
		case p.Name > n:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return g.Pipelines[i]
}

// Names lists the pipelines.
func (g *Generation) Names() []string {
	names := make([]string, len(g.Pipelines))
	for i, p := range g.Pipelines {
		names[i] = p.Name
	}
	return names
}

// Root is the project's directory.
func (g *Generation) Root() string { return g.project.Tree.Root() }

// A Pipeline is one pipeline as it was declared, with its graph.
type Pipeline struct {
	Name        string // `daily`, or `daily["acme"]` for an instance of one with for_each
	Base        string // the name in the file
	Description string
	Owner       string
	Tags        []string
	Enabled     bool
	Timeout     time.Duration
	Priority    int64              // higher ones begin first
	Triggers    []schedule.Trigger // its schedule blocks, in the order of the file
	After       []string           // names of the pipelines that it comes after, in order
	Location    *time.Location     // in which run.date is a day: of the first schedule, or the project's
	Pending     []Pending          // what it asks for that cannot be done yet; it does not run
	Steps       []*Step            // each after what it reads from
	Unused      []string           // addresses of steps that nothing needs, which runs leave out
	Range       hcl.Range

	generation *Generation
	block      *hcl.Block
	instance   instance
	afterRange hcl.Range
	uses       map[string]bool // what its steps mention: "connection.lake"
}

// Step returns the step of that address, or nil.
func (p *Pipeline) Step(address string) *Step {
	for _, s := range p.Steps {
		if s.Address == address {
			return s
		}
	}
	return nil
}

// ScheduleSet is when the pipeline fires, all its schedules together.
func (p *Pipeline) ScheduleSet() schedule.Set {
	set := make(schedule.Set, len(p.Triggers))
	for i, t := range p.Triggers {
		set[i] = t.Schedule
	}
	return set
}

// The families of steps, which are the first part of their addresses.
const (
	Wait      = "wait_for"
	Source    = "source"
	Transform = "transform"
	Check     = "check"
	Condition = "condition"
	Sink      = "sink"
)

// A Step is one node of a pipeline's graph.
type Step struct {
	Address string   // "source.orders"
	Family  string   // one of the constants above
	Kind    string   // "athena"
	Name    string   // "orders"
	Inputs  []string // addresses it reads from, in order of mention, once each
	Where   string   // file:line of the block
	Range   hcl.Range
	Retry   retry.Policy
	Timeout time.Duration // of one attempt, or of the whole wait; 0: none of its own
}

// Readers returns the steps that read from address.
func (p *Pipeline) Readers(address string) []*Step {
	var out []*Step
	for _, s := range p.Steps {
		if slices.Contains(s.Inputs, address) {
			out = append(out, s)
		}
	}
	return out
}
