package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/runner/compile"
	"waybill/runner/state"
	"waybill/runner/verify"
	"waybill/sinks"
)

func (a *app) verifyCommand() *cobra.Command {
	var f projectFlags
	var d dataFlags
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify PIPELINE",
		Short: "Compare what stands at the destinations with what was delivered",
		Long: "Looks at every object that the ledger says a pipeline has delivered, as the sink's own\n" +
			"identity: its size, its checksum and the delivery that it says it is of; with --bytes, all of\n" +
			"its bytes. It finds what is missing, what somebody else has changed, and uploads that were\n" +
			"left open. Sinks are taken as the files define them now. What the sink's permissions do not\n" +
			"let us see is told, and is no difference unless --strict is given.\n" +
			"Exit code 0: all is as it was delivered; 1: it is not.",
		Args:              needs("the name of a pipeline"),
		ValidArgsFunction: f.completePipeline,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.last < 0 {
				return mistake("--last %d: how many slots is 1 or more", o.last)
			}
			return a.verify(cmd.Context(), &f, &d, args[0], o)
		},
	}
	f.register(cmd)
	d.register(cmd)
	cmd.Flags().StringVar(&o.slot, "slot", "", "only this `slot`: 2026-11-22, 2026-11-22T09:00 (in the pipeline's time zone) or with an offset")
	cmd.Flags().IntVar(&o.last, "last", 0, "only the newest `N` slots")
	cmd.Flags().BoolVar(&o.bytes, "bytes", false, "read every byte and compare its SHA-256")
	cmd.Flags().BoolVar(&o.strict, "strict", false, "what could not be looked at is a difference, too")
	cmd.Flags().BoolVar(&o.json, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("slot", "last")
	return cmd
}

type verifyOptions struct {
	slot                string
	last                int
	bytes, strict, json bool
}

func (a *app) verify(ctx context.Context, f *projectFlags, d *dataFlags, name string, o verifyOptions) error {
	g, err := a.load(f)
	if err != nil {
		return err
	}
	p := findPipeline(g, name)
	if p == nil {
		return noSuchPipeline(g, name)
	}
	req := verify.Request{Last: o.last, Bytes: o.bytes}
	if o.slot != "" {
		if req.Slot, err = parseTime("--slot", o.slot, p.Location); err != nil {
			return err
		}
	}
	return withStore(ctx, f, d, func(store state.Store, _ string) error {
		if err := keepHistory(ctx, store, g); err != nil {
			return err
		}
		report, err := verify.Check(ctx, store, p, req)
		if err != nil {
			return err
		}
		if o.json {
			err = a.printJSON(report)
		} else {
			_, err = fmt.Fprint(a.out, a.verifyText(p, report, o.strict))
		}
		if err == nil && (report.Summary.Differs() || o.strict && report.Summary.Unknown > 0) {
			return errReported
		}
		return err
	})
}

func (a *app) verifyText(p *compile.Pipeline, r verify.Report, strict bool) string {
	v := &verifyView{style: a.style, pipeline: p}
	if len(r.Deliveries) == 0 {
		return fmt.Sprintf("The ledger has no delivery of %s to look for.\n", p.Name)
	}
	for i, d := range r.Deliveries {
		v.delivery(d, i > 0 && r.Deliveries[i-1].Slot.Equal(d.Slot))
	}
	v.summary(r.Summary, strict)
	v.tellReasons()
	return v.String()
}

// verifyView writes a report for people.
type verifyView struct {
	strings.Builder
	style    diag.Style
	pipeline *compile.Pipeline
	sink     string
	reasons  []reason
}

// A reason is why a sink's objects could not be looked at. One stands for all
// of its code: they differ by no more than an object's name.
type reason struct {
	sink    string
	problem *problem.Problem
}

func (v *verifyView) line(format string, args ...any) {
	v.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
}

func (v *verifyView) delivery(d verify.Delivery, sameSlot bool) {
	if !sameSlot {
		v.line("%s · slot %s", v.style.Bold(v.pipeline.Name), when(d.Slot, v.pipeline.Location))
	}
	v.sink = d.Sink
	facts := []string{"  " + d.Sink}
	if !d.DeliveredAt.IsZero() {
		facts = append(facts, "delivered "+d.DeliveredAt.UTC().Format(time.DateTime))
	}
	if d.Identity != "" {
		facts = append(facts, "looked at as "+d.Identity)
	}
	if d.Note != "" {
		facts = append(facts, v.style.Faint(d.Note))
	}
	v.line("%s", strings.Join(facts, "   "))
	if d.Problem != nil {
		v.line("    %s %s  [%s]", v.style.Yellow("?"), d.Problem.Summary, d.Problem.Code)
		v.because(d.Problem)
	}
	for _, f := range d.Findings {
		v.finding(f)
	}
}

func (v *verifyView) finding(f sinks.Finding) {
	what := strings.Join(f.Differences, ", ")
	switch f.Verdict {
	case sinks.Same:
		v.line("    %s %s", v.style.Green("✓"), f.URL)
	case verify.Replaced:
		v.line("    %s %s   %s", v.style.Faint("–"), f.URL, v.style.Faint(what))
	case sinks.Unknown:
		v.line("    %s %s   %s  [%s]", v.style.Yellow("?"), f.URL, "could not be looked at", f.Problem.Code)
		v.because(f.Problem)
	case sinks.Missing:
		v.line("    %s %s   missing", v.style.Red("✗"), f.URL)
	case sinks.Changed:
		v.line("    %s %s   changed: %s", v.style.Red("✗"), f.URL, what)
	default:
		v.line("    %s %s   %s", v.style.Red("✗"), f.URL, what)
	}
}

// because keeps a reason to be told at the end.
func (v *verifyView) because(p *problem.Problem) {
	for _, had := range v.reasons {
		if had.sink == v.sink && had.problem.Code == p.Code {
			return
		}
	}
	v.reasons = append(v.reasons, reason{v.sink, p})
}

// tellReasons says for each sink why it could not look. It may be as agreed: a
// role that can do nothing but put objects is enough to deliver.
func (v *verifyView) tellReasons() {
	for _, r := range v.reasons {
		v.line("\n%s could not look: %s  %s", v.style.Bold(r.sink), r.problem.Summary, v.style.Faint("["+r.problem.Code+"]"))
		if r.problem.Code != "bucket-access-denied" {
			for _, step := range r.problem.Remedy {
				v.line("  → %s", step)
			}
			continue
		}
		v.line("  It delivers without that. To let it look, the role's owner would add this, for this object or a prefix:")
		v.line("\n    %s", strings.ReplaceAll(r.problem.Snippet, "\n", "\n    "))
	}
}

func (v *verifyView) summary(s verify.Summary, strict bool) {
	var parts []string
	count := func(n int, what string, paint func(string) string) {
		if n > 0 {
			parts = append(parts, paint(number(int64(n))+" "+what))
		}
	}
	unknown := v.style.Yellow
	if strict {
		unknown = v.style.Red
	}
	count(s.Same, "as delivered", v.style.Green)
	count(s.Replaced, "replaced by a later slot", v.style.Faint)
	count(s.Missing, "missing", v.style.Red)
	count(s.Changed, "changed", v.style.Red)
	count(s.Unknown, "not looked at", unknown)
	if s.Open > 0 {
		parts = append(parts, v.style.Red(plural(s.Open, "open upload")))
	}
	text := plural(s.Objects, "object")
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	v.line("\n%s", text)
}
