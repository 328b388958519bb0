package compile

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/dataset"
	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/internal/schema"
	"waybill/internal/sqltype"
	"waybill/runner/encode"
	"waybill/runner/retry"
	"waybill/runner/schedule"
)

func checkRetry(p retry.Policy, v *schema.Values) hcl.Diagnostics {
	if v.Set("retry.max_attempts") && v.Known("retry.max_attempts") && p.MaxAttempts == 0 { // which a policy reads as: not said
		return hcl.Diagnostics{v.Error("retry.max_attempts", "invalid-value", "max_attempts is 0, want 1 to 100", "1 means never to try again.")}
	}
	for _, attr := range []string{"retry.initial_backoff", "retry.max_backoff", "retry.max_elapsed"} {
		if d := tooShort(v, attr, time.Millisecond); d != nil {
			return hcl.Diagnostics{d}
		}
	}
	attr, err := p.Validate()
	if err != nil {
		return hcl.Diagnostics{v.Error("retry."+attr, "invalid-value", err.Error(), "")}
	}
	return nil
}

// tooShort reports a duration that is written and below the least that means
// something.
func tooShort(v *schema.Values, path string, least time.Duration) *hcl.Diagnostic {
	d, ok := v.Duration(path)
	if !ok || d >= least {
		return nil
	}
	name := path[strings.LastIndexByte(path, '.')+1:]
	return v.Error(path, "invalid-value", fmt.Sprintf("%s is below %s", name, least), "Leave it out for what holds without it.")
}

// checkTimeout looks at the timeout of a step or pipeline.
func checkTimeout(v *schema.Values) hcl.Diagnostics {
	if d := tooShort(v, "timeout", time.Second); d != nil {
		d.Detail = "Nothing could end in that time. " + d.Detail
		return hcl.Diagnostics{d}
	}
	return nil
}

// checkTimes looks at what a pipeline says of time.
func checkTimes(r *reading) hcl.Diagnostics {
	diags := checkTimeout(r.values)
	if d := tooShort(r.values, "slow_after", time.Second); d != nil {
		diags = append(diags, d)
	}
	return append(diags, checkDeliverBy(r)...)
}

func checkDeliverBy(r *reading) hcl.Diagnostics {
	if !r.values.Set("deliver_by") || !r.values.Known("deliver_by") {
		return nil
	}
	if _, err := time.Parse("15:04", r.config.DeliverBy); err != nil {
		return hcl.Diagnostics{r.values.Error("deliver_by", "invalid-value", fmt.Sprintf("deliver_by: %q is no time of day", r.config.DeliverBy), `Write hours and minutes: "10:30".`)}
	}
	return nil
}

func checkWait(r *read) hcl.Diagnostics {
	if r.values.Known("poll") && r.wait.Poll < time.Second {
		return hcl.Diagnostics{r.values.Error("poll", "invalid-value", "poll is below 1s", "Each look is a request that is paid for.")}
	}
	return nil
}

// checkContract looks at the columns that a source promises.
func checkContract(v *schema.Values) hcl.Diagnostics {
	var diags hcl.Diagnostics
	seen := map[string]bool{}
	for _, pair := range v.Pairs("columns") {
		if key := strings.ToLower(pair.Key); seen[key] {
			diags = append(diags, v.Explain("columns", diag.Error("invalid-value", pair.Range, fmt.Sprintf("the column %q is promised twice", pair.Key), "Names are compared without regard to case.")))
		} else {
			seen[key] = true
		}
		if strings.TrimSpace(pair.Key) == "" {
			diags = append(diags, v.Explain("columns", diag.Error("invalid-value", pair.Range, "a promised column has no name", "Name each column as the source does.")))
		}
		if _, err := sqltype.ParseAthena(pair.Value); err != nil {
			diags = append(diags, v.Explain("columns", diag.Error("invalid-value", pair.Range, err.Error(), `Write a type of Athena's, such as bigint, varchar, decimal(12,2), timestamp, date or array(varchar).`)))
		}
	}
	return diags
}

// maxJitter is the widest offset of a schedule's starts.
const maxJitter = 24 * time.Hour

// schedules reads the pipeline's schedule blocks.
func (w *workspace) schedules(p *Pipeline, r *reading) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for i, c := range r.config.Schedules {
		s, d := w.schedule(c, fmt.Sprintf("schedule[%d]", i), r.values)
		diags = append(diags, d...)
		if !d.HasErrors() {
			p.Triggers = append(p.Triggers, s)
		}
	}
	zone := w.g.Settings.Timezone
	if len(p.Triggers) > 0 {
		p.Location = p.Triggers[0].Location
		return diags
	}
	p.Location, _ = w.zone(zone) // checked with the settings
	return diags
}

func (w *workspace) schedule(c scheduleConfig, path string, v *schema.Values) (schedule.Trigger, hcl.Diagnostics) {
	out := schedule.Trigger{Overlap: schedule.Overlap(c.Overlap), CatchUp: schedule.CatchUp(c.CatchUp), Window: c.CatchUpWindow, Jitter: c.Jitter}
	zone := c.Timezone
	if zone == "" {
		zone = w.g.Settings.Timezone
	}
	loc, err := w.zone(zone)
	if err != nil {
		return out, hcl.Diagnostics{v.Error(path+".timezone", "invalid-value", "timezone: "+err.Error(), "")}
	}
	if v.Known(path+".jitter") && c.Jitter > maxJitter {
		return out, hcl.Diagnostics{v.Error(path+".jitter", "invalid-value", "jitter is above 24h", "It spreads starts within a day. Write another time in cron instead.")}
	}
	if !v.Known(path + ".cron") {
		if v.Waits(path + ".cron") {
			return out, hcl.Diagnostics{v.Error(path+".cron", "invalid-value", "cron depends on run-time values", "A schedule must be known before there is a run.")}
		}
		return out, nil // reported as missing, or as what it is
	}
	expr, err := schedule.Parse(c.Cron)
	if err != nil {
		return out, hcl.Diagnostics{v.Explain(path+".cron", scheduleError(err, v.Range(path+".cron"), c.Cron))}
	}
	out.Schedule = schedule.Schedule{Expr: expr, Location: loc, DSTGap: schedule.DSTGap(c.DSTGap)}
	if d := scheduleFault(out.Schedule, v.Range(path+".cron")); d != nil {
		return out, hcl.Diagnostics{v.Explain(path+".cron", d)}
	}
	return out, nil
}

// scheduleError points at the part of the expression that is wrong.
func scheduleError(err error, rng hcl.Range, text string) *hcl.Diagnostic {
	var pe *schedule.ParseError
	if !errors.As(err, &pe) {
		return diag.Error("invalid-schedule", rng, fmt.Sprintf("%q is no schedule", text), err.Error())
	}
	// A plain literal stands in quotes, so the offset is one further in.
	if rng.End.Byte-rng.Start.Byte == len(text)+2 && rng.Start.Line == rng.End.Line {
		rng.Start.Byte += 1 + pe.Offset
		rng.Start.Column += 1 + pe.Offset
		rng.End.Byte = rng.Start.Byte + pe.Len
		rng.End.Column = rng.Start.Column + pe.Len
	}
	summary := pe.Msg
	if pe.Field != "" {
		summary = pe.Field + ": " + pe.Msg
	}
	return diag.Error("invalid-schedule", rng, summary, pe.Hint)
}

// testedFrom is from when on schedules are tested: a fixed time, so that the
// same files always give the same answer.
var testedFrom = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// scheduleFault tells of a schedule that never fires, or not at a time that it
// names. A time that comes twice is no fault: it fires the first time.
func scheduleFault(s schedule.Schedule, rng hcl.Range) *hcl.Diagnostic {
	if _, ok := s.Next(testedFrom); !ok {
		return diag.Error("schedule-never", rng, "the schedule never fires", "No date fits the day, month and year it names.")
	}
	gaps := s.Gaps(testedFrom, 24)
	if len(gaps) == 0 || s.DSTGap == schedule.Shift {
		return nil
	}
	return diag.Warning("dst-gap", rng, fmt.Sprintf("clocks in %s skip a time of this schedule when they are set forward", s.Location),
		fmt.Sprintf("In %s, on the day of the change, there is no %s. Choose a time that exists every day, or set dst_gap = \"shift\" to run right after the change.", gaps[0].Civil.Format("January"), gaps[0].Civil.Format("15:04")))
}

// checkSink looks at what the sink's format, key and order have to do with
// each other.
func checkSink(r *read, targetAttr, pipeline string, scope *schema.Scope) hcl.Diagnostics {
	var diags hcl.Diagnostics
	if err := r.common.Format.Check(); err != nil && !r.common.Format.Pending() { // which a warning tells
		path := "format"
		if option := (*encode.OptionError)(nil); errors.As(err, &option) && r.values.Set(path+"."+option.Option) {
			path += "." + option.Option
		}
		diags = append(diags, r.values.Error(path, "invalid-value", "format: "+err.Error(), ""))
	}
	for _, option := range []string{"delimiter", "quote", "escape"} {
		if path := "format." + option; r.values.Empty(path) {
			diags = append(diags, r.values.Error(path, "invalid-value", path+" is empty", "Write one ASCII character, or leave it out."))
		}
	}
	if r.target.IsZero() {
		return diags
	}
	diags = append(diags, checkLayout(r, targetAttr)...)
	sample := sampleRun(sampleSlots[0]).object(&Pipeline{Name: pipeline, Location: time.UTC})
	name, known, d := r.target.In(scope.With(map[string]cty.Value{"run": sample})).Eval(fileNumber(1), "p=1/")
	diags = append(diags, d...)
	if known {
		diags = append(diags, checkExtension(r, name, targetAttr)...)
	}
	diags = append(diags, checkSteady(r.target, targetAttr, sample, scope)...)
	for _, marker := range markers {
		diags = append(diags, checkSteady(r.values.Late(marker), marker, sample, scope)...)
	}
	return diags
}

// unsteady are the values of run that another run of the same slot, or another
// attempt, does not have.
var unsteady = []string{"id", "attempt", "trigger"}

// checkSteady refuses a name that is another one when the same slot is
// delivered again: what the first delivery wrote would stay beside it.
func checkSteady(name schema.Expr, attr string, sample cty.Value, scope *schema.Scope) hcl.Diagnostics {
	if name.IsZero() {
		return nil
	}
	known := func(run map[string]cty.Value) bool {
		in := scope.With(map[string]cty.Value{"run": cty.ObjectVal(run)})
		_, known, diags := name.In(in).Eval(fileNumber(1), "p=1/")
		return known || diags.HasErrors()
	}
	if !known(sample.AsValueMap()) {
		return nil // it depends on the environment: what it will be cannot be asked
	}
	for _, v := range unsteady {
		run := sample.AsValueMap()
		run[v] = cty.UnknownVal(run[v].Type())
		if !known(run) {
			return hcl.Diagnostics{name.Explain(diag.Error("invalid-value", name.Range(), fmt.Sprintf("%s depends on run.%s", attr, v),
				"A slot that is delivered again must write the same names, so that it replaces what it delivered before. Use run.date or run.scheduled_at."))}
		}
	}
	return nil
}

// checkPGP refuses keys that nothing can be encrypted for.
func checkPGP(r *read, now time.Time) hcl.Diagnostics {
	if r.common.PGP == nil || !r.values.Known("pgp.public_key") {
		return nil
	}
	if p := problem.As(r.common.PGP.Check(now)); p != nil {
		// What the names in the expression are worth is not told: it may be a
		// private key by mistake.
		return hcl.Diagnostics{diag.Error("pgp-key-invalid", r.values.Range("pgp.public_key"), "public_key: "+p.Summary, "Ask the recipient for a public key that can encrypt and is valid: gpg --armor --export NAME.")}
	}
	return nil
}

func checkExtension(r *read, name, targetAttr string) hcl.Diagnostics {
	want := r.common.Format.Extensions()
	base := path.Base(name)
	if !strings.Contains(base, ".") || slices.ContainsFunc(want, func(ext string) bool { return strings.HasSuffix(strings.ToLower(base), ext) }) {
		return nil
	}
	return hcl.Diagnostics{r.target.Explain(diag.Warning("extension-mismatch", r.target.Range(), fmt.Sprintf("%s ends differently than its format: %q holds %s", targetAttr, base, r.common.Format.Kind),
		fmt.Sprintf("Usual for this format: %s.", strings.Join(want, ", "))))}
}

// sampleSlots are the times at which names are compared: two in one day, and
// one in another month and year.
var sampleSlots = []time.Time{
	time.Date(2027, 1, 31, 9, 0, 0, 0, time.UTC),
	time.Date(2027, 1, 31, 17, 30, 0, 0, time.UTC),
	time.Date(2028, 2, 29, 9, 0, 0, 0, time.UTC),
}

// replaced tells what a sink would replace that its own pipeline, or the
// configuration, is made from; empty if nothing. name is as file sinks have it.
// That another pipeline reads what this one writes is a way to pass data on.
func (w *workspace) replaced(p *Pipeline, name string) string {
	local, isFile := strings.CutPrefix(name, "file:/")
	if !isFile {
		return ""
	}
	if _, ok := w.files[local]; ok {
		return "the configuration"
	}
	return w.traffic[p].reads[local]
}

// otherPlace says where the other of two equal names is written.
func otherPlace(other, this hcl.Range) string {
	if other == this {
		return "Both come from this line: use each.key in it."
	}
	return fmt.Sprintf("The other one is at %s line %d. Make the names differ.", other.Filename, other.Start.Line)
}

// quoted is a pipeline's name in a sentence; that of an instance has quotes of
// its own.
func quoted(name string) string {
	if strings.Contains(name, "[") {
		return name
	}
	return strconv.Quote(name)
}

// OneBoolean reports a condition's query that has another form than one
// boolean column.
func OneBoolean(address string, columns dataset.Schema) error {
	if len(columns) == 1 && columns[0].Type == "boolean" {
		return nil
	}
	return NotOneBoolean(address, "its query has the columns "+columns.String())
}

// NotOneBoolean is the problem of a condition's query that does not answer.
func NotOneBoolean(address, why string) error {
	return problem.New("condition-invalid", fmt.Sprintf("%s does not answer yes or no: %s", address, why), nil)
}
