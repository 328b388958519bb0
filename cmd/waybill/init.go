package main

import (
	"context"
	"errors"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"waybill/internal/diag"
	"waybill/internal/scaffold"
	"waybill/runner/compile"
)

// initFlags say what a new project is made of. Answers are by question, and
// those that were not given are empty.
type initFlags struct {
	answers    map[string]*string
	yes, force bool
}

func (a *app) initCommand() *cobra.Command {
	f := initFlags{answers: map[string]*string{}}
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Begin a project: files that validate, run and teach",
		Long: "Writes a project to a directory, which is made if need be, or else to the current one: a pipeline,\n" +
			"its SQL, sample data, a test, and a local AWS to run on, so that it works at once and without an\n" +
			"account. On a terminal it asks for what no flag answers. It writes everything or nothing, and never\n" +
			"replaces a file.",
		Example: "  waybill init shop\n" +
			"  waybill init shop --yes --source file --sink s3 --format csv",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for name := range f.answers {
				if !cmd.Flags().Changed(name) {
					f.answers[name] = nil
				}
			}
			return a.initProject(cmd.Context(), append(args, ".")[0], f)
		},
	}
	for _, q := range scaffold.Questions() {
		f.register(cmd, q)
	}
	cmd.Flags().BoolVarP(&f.yes, "yes", "y", false, "ask nothing: take the defaults of what no flag answers")
	cmd.Flags().BoolVar(&f.force, "force", false, "write although there are files, and keep every one that exists")
	return cmd
}

func (f *initFlags) register(cmd *cobra.Command, q scaffold.Question) {
	doc := q.Doc
	if len(q.Choices) > 0 {
		doc += ": " + q.Hint
	}
	f.answers[q.Name] = new(string)
	cmd.Flags().StringVar(f.answers[q.Name], q.Name, q.Default, doc)
	if len(q.Choices) > 0 {
		complete := cobra.FixedCompletions(q.Choices, cobra.ShellCompDirectiveNoFileComp)
		_ = cmd.RegisterFlagCompletionFunc(q.Name, complete) // fails for flags that do not exist
	}
}

func (a *app) initProject(ctx context.Context, dir string, f initFlags) error {
	regs := registries()
	if err := f.check(regs); err != nil {
		return err
	}
	// Nobody answers a dozen questions to be refused afterwards.
	first := scaffold.Defaults()
	f.apply(&first)
	if err := refuseOccupied(dir, first, f.force); err != nil {
		return err
	}
	answers, err := a.answers(ctx, dir, f, regs)
	if err != nil {
		return err
	}
	p, err := scaffold.Judge(answers, regs)
	if err != nil {
		return err
	}
	if p.Diags.HasErrors() {
		return a.showJudged(p)
	}
	if err := refuseOccupied(dir, answers, f.force); err != nil {
		return err
	}
	w, err := scaffold.Write(ctx, dir, p.Files, f.force)
	switch {
	case errors.Is(err, context.Canceled):
		return errUnasked
	case err != nil:
		return err
	}
	if f.force {
		if err := a.checkTogether(dir, w); err != nil {
			return err
		}
	}
	return a.showWritten(dir, answers, p, w)
}

// apply notes what flags answer.
func (f *initFlags) apply(a *scaffold.Answers) {
	for _, q := range scaffold.Questions() {
		if given := f.answers[q.Name]; given != nil {
			q.Set(a, *given)
		}
	}
}

// refuseOccupied fails if something stands in the way of a project.
func refuseOccupied(dir string, answers scaffold.Answers, force bool) error {
	files, err := scaffold.Render(answers)
	if err != nil {
		return err
	}
	names, err := scaffold.InTheWay(dir, files)
	if err == nil && len(names) > 0 && !force {
		err = scaffold.Exists(dir, names)
	}
	return err
}

// showJudged shows what is wrong with files that are not on disk.
func (a *app) showJudged(p scaffold.Project) error {
	src := diag.Sources{Other: map[string][]byte{}}
	for _, f := range p.Files {
		src.Other[f.Path] = f.Data
	}
	if err := diag.Print(a.errOut, p.Diags, src, a.style); err != nil {
		return err
	}
	return refuse("these answers do not go together: the files above would not be valid. Nothing was written.")
}

// checkTogether takes back what was written if it is not valid together with
// what was there.
func (a *app) checkTogether(dir string, w *scaffold.Written) error {
	project := projectFlags{dir: dir}
	_, p, diags, err := project.compile()
	if err == nil && !diags.HasErrors() {
		return nil
	}
	if err == nil {
		err = a.showDiags(a.errOut, diags, p)
	}
	if err = errors.Join(err, w.Undo()); err != nil {
		return err
	}
	return refuse("with the files that %s has, the new ones are not valid: see above. Nothing was written.", dir)
}

// check looks at each answer that a flag gives, before anybody is asked.
func (f *initFlags) check(regs compile.Registries) error {
	for _, q := range scaffold.Questions() {
		given := f.answers[q.Name]
		if given == nil {
			continue
		}
		if *given == "" {
			return mistake("--%s is empty: give it a value, or leave it out", q.Name)
		}
		d, err := q.Check(*given, regs)
		if err != nil {
			return err
		}
		if d != nil {
			return mistake("--%s: %s", q.Name, faultText(d))
		}
	}
	return nil
}

// faultText is what is wrong with an answer, without the place in a file that
// nobody has seen.
func faultText(d *hcl.Diagnostic) string {
	return strings.TrimSpace(d.Summary + "\n  " + strings.ReplaceAll(d.Detail, "\n", "\n  "))
}
