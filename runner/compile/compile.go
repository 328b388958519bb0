package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"waybill/config"
	"waybill/internal/budget"
	"waybill/internal/diag"
	"waybill/internal/identity"
	"waybill/internal/schema"
	"waybill/internal/version"
	"waybill/runner/schedule"
)

// Compile reads a tree and makes a generation of it. The generation is nil if
// there is any error; the project is returned even then, for its snippets.
// Diagnostics are sorted.
func Compile(tree *config.Tree, vars config.Vars, regs Registries) (*Generation, *config.Project, hcl.Diagnostics) {
	project, diags := config.Load(tree, vars)
	g := &Generation{project: project, vars: vars, regs: regs}
	if !diags.HasErrors() {
		diags = append(diags, g.compile(clock(tree))...)
	}
	diags = diag.Sort(budget.First(diags))
	if diags.HasErrors() {
		return nil, project, diags
	}
	tree.Seal()
	g.Digest = tree.Digest()
	g.Files = tree.Files()
	return g, project, diags
}

// clock is the time at which what expires is judged: that of now for files that
// are read, and none for those that were kept. A run that goes on must be able
// to load what it began with.
func clock(tree *config.Tree) time.Time {
	if tree.Stored() {
		return time.Time{}
	}
	return time.Now()
}

func (g *Generation) compile(now time.Time) hcl.Diagnostics {
	scope, diags := g.project.Scope(g.vars)
	d := g.readSettings(scope)
	diags = append(diags, d...)
	if diags.HasErrors() {
		return diags
	}
	w := &workspace{g: g, now: now, scope: scope, used: map[string]bool{}, traffic: map[*Pipeline]traffic{}}
	g.connection, d = w.connections(scope.With(unknownRun), nil)
	diags = append(diags, d...)
	g.notifier, d = w.notifiers()
	diags = append(diags, d...)
	d = w.pipelines()
	diags = append(diags, d...)
	if diags.HasErrors() {
		return diags
	}
	diags = append(diags, w.order()...)
	diags = append(diags, w.moves()...)
	diags = append(diags, w.unusedConnections()...)
	diags = append(diags, w.unusedNotifiers()...)
	return append(diags, w.collisions()...)
}

func (g *Generation) readSettings(scope *schema.Scope) hcl.Diagnostics {
	body := hcl.EmptyBody()
	if g.project.Settings != nil {
		body = g.project.Settings.Body
	}
	values, diags := schema.Decode(body, settingsBlock, scope, &g.Settings)
	if !values.Set("engine") {
		diags = append(diags, schema.Defaults(engineBlock, &g.Settings.Engine)...)
	}
	if !values.Set("retention") {
		diags = append(diags, schema.Defaults(retentionBlock, &g.Settings.Retention)...)
	}
	if diags.HasErrors() {
		return diags
	}
	return append(diags, checkSettings(g.Settings, values)...)
}

func checkSettings(s Settings, v *schema.Values) hcl.Diagnostics {
	var diags hcl.Diagnostics
	if _, err := schedule.Zone(s.Timezone); err != nil {
		diags = append(diags, v.Error("timezone", "invalid-value", "timezone: "+err.Error(), ""))
	}
	for path, n := range map[string]int64{"max_concurrent_runs": s.MaxConcurrentRuns, "max_concurrent_jobs": s.MaxConcurrentJobs, "engine.threads": s.Engine.Threads} {
		if n < 1 || n > 1024 {
			diags = append(diags, v.Error(path, "invalid-value", fmt.Sprintf("%s must be from 1 to 1024, not %d", path, n), ""))
		}
	}
	if s.Engine.MemoryLimit < 64<<20 {
		diags = append(diags, v.Error("engine.memory_limit", "invalid-value", "memory_limit is below 64MiB", "DuckDB cannot work with less."))
	}
	if s.Retry != nil {
		diags = append(diags, checkRetry(*s.Retry, v)...)
	}
	if s.RequiredVersion != "" {
		ok, err := version.Satisfies(s.RequiredVersion)
		switch {
		case err != nil:
			diags = append(diags, v.Error("required_version", "invalid-value", "required_version: "+err.Error(), `For example: ">= 0.1".`))
		case !ok:
			diags = append(diags, v.Error("required_version", "version-mismatch", fmt.Sprintf("this is waybill %s, and the project asks for %s", version.Version, s.RequiredVersion), "Install a version that the project allows, or change required_version."))
		}
	}
	return diags
}

// A workspace is what compiling (or binding) a generation needs on the way.
type workspace struct {
	g     *Generation
	now   time.Time         // that expiry is judged at; zero: it is not
	scope *schema.Scope     // var, local, functions
	used  map[string]bool   // "connection.lake"
	files map[string][]byte // of the configuration
	// traffic is there for pipelines without errors.
	traffic map[*Pipeline]traffic

	reading string // name of the pipeline that is being read
	zones   map[string]*time.Location
}

// zone finds a time zone by its name. Reading one is slow, and they are large.
func (w *workspace) zone(name string) (*time.Location, error) {
	if loc := w.zones[name]; loc != nil {
		return loc, nil
	}
	loc, err := schedule.Zone(name)
	if err != nil {
		return nil, err
	}
	if w.zones == nil {
		w.zones = map[string]*time.Location{}
	}
	w.zones[name] = loc
	return loc, nil
}

// connections evaluates connections in a scope and returns them as the
// `connection` object: all of them, or those of the addresses in only, so that a
// run reads no secret that it does not need, and what one pipeline costs does not
// grow with the project.
func (w *workspace) connections(scope *schema.Scope, only map[string]bool) (cty.Value, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	values := map[string]cty.Value{}
	block := identity.Block()
	for _, b := range w.chosen(only) {
		if b.Labels[0] != "aws" {
			diags = append(diags, unknownKind("connection", b, []string{"aws"}))
			continue
		}
		c := &identity.Config{Name: b.Labels[1], Where: fmt.Sprintf("%s:%d", b.DefRange.Filename, b.DefRange.Start.Line)}
		v, d := schema.Decode(b.Body, block, scope, c)
		if !d.HasErrors() {
			d = append(d, identity.Check(*c, v)...)
		}
		diags = append(diags, d...)
		values[c.Name] = cty.CapsuleVal(identity.CapsuleType, c)
	}
	return cty.ObjectVal(values), diags
}

// chosen lists the connections of the addresses in only; all of them if it is nil
// or one is computed.
func (w *workspace) chosen(only map[string]bool) []*hcl.Block {
	all := w.g.project.Connections
	if only == nil || only["connection."] {
		return all
	}
	var out []*hcl.Block
	for _, address := range slices.Sorted(maps.Keys(only)) {
		name, ok := strings.CutPrefix(address, "connection.")
		if !ok {
			continue
		}
		if i, found := slices.BinarySearchFunc(all, name, func(b *hcl.Block, name string) int { return strings.Compare(b.Labels[1], name) }); found {
			out = append(out, all[i])
		}
	}
	return out
}

func (w *workspace) unusedConnections() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, b := range w.g.project.Connections {
		if address := "connection." + b.Labels[1]; !w.used[address] {
			diags = append(diags, diag.Warning("unused", b.DefRange, address+" is used by nothing", "Remove it, or use it in a source or sink."))
		}
	}
	return diags
}

func unknownKind(family string, b *hcl.Block, names []string) *hcl.Diagnostic {
	return diag.Error("unknown-kind", b.LabelRanges[0], fmt.Sprintf("there is no %s of kind %q", family, b.Labels[0]),
		fmt.Sprintf("There are: %s.%s", strings.Join(names, ", "), diag.Suggest(b.Labels[0], names)))
}
