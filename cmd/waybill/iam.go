package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/runner/access"
)

// iamFormats are the values of --format.
var iamFormats = []string{"json", "terraform", "cloudformation"}

// iamFlags are the flags of iam's verbs.
type iamFlags struct {
	projectFlags
	format, principal, check string
	strict                   bool
}

func (a *app) iamCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "iam",
		Short: "Print the policies that the pipelines need",
		Long: "Prints what each identity must be allowed, as far as the files tell, and whom each role must\n" +
			"trust: least privilege, with why each permission is there. It calls nobody.",
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(
		a.iamVerb("policy", "Print what each identity must be allowed", true, false),
		a.iamVerb("trust", "Print whom each role must trust", false, true),
		a.iamVerb("all", "Print both", true, true))
	return cmd
}

func (a *app) iamVerb(name, short string, policy, trust bool) *cobra.Command {
	var f iamFlags
	cmd := &cobra.Command{
		Use:   name + " [ROLE]",
		Short: short,
		Long: short + ", as JSON, Terraform or CloudFormation. ROLE is a role's name or ARN, or\n" +
			"\"waybill\" for whom it begins as; without it, all are printed. Reasons stand as comments;\n" +
			"beside JSON, which has none, they are printed to standard error.",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: f.completeRole,
		RunE: func(_ *cobra.Command, args []string) error {
			if !slices.Contains(iamFormats, f.format) {
				return mistake("--format %q is no format.%s There are: %s", f.format, diag.Suggest(f.format, iamFormats), strings.Join(iamFormats, ", "))
			}
			if f.check != "" && len(args) == 0 {
				return mistake("--check FILE compares one role's policy: say which role")
			}
			return a.iam(&f, args, policy, trust)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.format, "format", "json", "`form` of the output: "+strings.Join(iamFormats, ", "))
	completeFlag(cmd, "format", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return iamFormats, cobra.ShellCompDirectiveNoFileComp
	})
	if trust {
		cmd.Flags().StringVar(&f.principal, "principal", "", "`ARN` of the identity that waybill begins with, which the files do not tell")
	}
	if policy && !trust {
		cmd.Flags().StringVar(&f.check, "check", "", "compare with the policy in this JSON `file` instead of printing: exit 1 if it lacks something")
		cmd.Flags().BoolVar(&f.strict, "strict", false, "with --check: also exit 1 if it allows more than is needed")
	}
	return cmd
}

func (a *app) iam(f *iamFlags, args []string, policy, trust bool) error {
	g, err := a.load(&f.projectFlags)
	if err != nil {
		return err
	}
	all, err := access.Principals(g)
	if err != nil {
		return err
	}
	if len(args) == 1 {
		one, err := principalOf(all, args[0])
		if err != nil {
			return err
		}
		all = []*access.Principal{one}
	}
	if f.check != "" {
		return a.iamCheck(f, all[0])
	}
	v := &iamView{app: a, flags: f, alone: len(args) == 1 && policy != trust}
	for _, p := range all {
		v.notes(p)
		if policy && len(p.Needs) > 0 {
			v.add(p, "policy", p.Policy())
		}
		if trust && len(p.Trusts) > 0 {
			v.add(p, "trust", p.Trust(f.principal))
		}
	}
	return v.print()
}

// principalOf finds a principal by ARN or name.
func principalOf(all []*access.Principal, name string) (*access.Principal, error) {
	var names []string
	for _, p := range all {
		short := "waybill"
		if p.Role != "" {
			short = p.Role[strings.LastIndex(p.Role, "/")+1:]
		}
		if p.Role == name || short == name {
			return p, nil
		}
		names = append(names, short)
	}
	p := problem.New("unknown-reference", fmt.Sprintf("no role %s is assumed here", name), nil)
	p.Remedy = []string{strings.TrimSpace(fmt.Sprintf("There are: %s.%s", strings.Join(names, ", "), diag.Suggest(name, names)))}
	return nil, p
}

// iamView prints documents in one form.
type iamView struct {
	app   *app
	flags *iamFlags
	alone bool // one document, and nothing around it
	out   []iamOutput
}

// iamOutput is one document in JSON.
type iamOutput struct {
	For      string          `json:"for"`
	Kind     string          `json:"kind"` // "policy", "trust"
	Document access.Document `json:"document"`

	principal *access.Principal
}

func (v *iamView) add(p *access.Principal, kind string, d access.Document) {
	v.out = append(v.out, iamOutput{For: p.Name, Kind: kind, Document: d, principal: p})
}

// notes tells what the files do not, where it does not disturb programs.
func (v *iamView) notes(p *access.Principal) {
	for _, n := range p.Notes {
		fmt.Fprintf(v.app.errOut, "%s %s: %s\n", v.app.style.Yellow("note:"), p.Name, n)
	}
}

func (v *iamView) print() error {
	if len(v.out) == 0 {
		fmt.Fprintln(v.app.errOut, "Nothing here needs a permission at AWS.")
		return nil
	}
	switch v.flags.format {
	case "terraform":
		return v.terraform()
	case "cloudformation":
		return v.cloudFormation()
	}
	for _, o := range v.out {
		if v.flags.format == "json" && o.Kind == "policy" {
			v.reasons(o.principal)
		}
	}
	if v.alone {
		_, err := fmt.Fprintln(v.app.out, v.out[0].Document.JSON())
		return err
	}
	return v.app.printJSON(v.out)
}

func (v *iamView) reasons(p *access.Principal) {
	for _, s := range p.Policy().Statement {
		for _, why := range s.Reasons() {
			fmt.Fprintf(v.app.errOut, "%s %s: %s\n", v.app.style.Faint(p.Slug()), s.Sid, why)
		}
	}
}

func (v *iamView) terraform() error {
	for i, o := range v.out {
		if i > 0 {
			fmt.Fprintln(v.app.out)
		}
		name := o.principal.Slug()
		if o.Kind == "trust" {
			name += "_trust"
		}
		if _, err := fmt.Fprintf(v.app.out, "# %s: %s\n%s\n", o.Kind, o.For, o.Document.Terraform(name)); err != nil {
			return err
		}
	}
	return nil
}

// cloudFormation prints a template: a managed policy for each identity, and
// roles as far as their trust is known.
func (v *iamView) cloudFormation() error {
	var b strings.Builder
	b.WriteString("AWSTemplateFormatVersion: \"2010-09-09\"\nResources:\n")
	done := map[*access.Principal]bool{}
	for _, o := range v.out {
		p := o.principal
		if done[p] {
			continue
		}
		done[p] = true
		var policy, trust *access.Document
		for _, other := range v.out {
			if other.principal == p && other.Kind == "policy" {
				policy = &other.Document
			} else if other.principal == p {
				trust = &other.Document
			}
		}
		fmt.Fprintf(&b, "  # %s\n", o.For)
		name := logicalID(p.Slug())
		if trust != nil && p.Role != "" {
			fmt.Fprintf(&b, "  %sRole:\n    Type: AWS::IAM::Role\n    Properties:\n      RoleName: %s\n      AssumeRolePolicyDocument:\n%s\n",
				name, p.Role[strings.LastIndex(p.Role, "/")+1:], trust.CloudFormation(8))
			if policy != nil {
				fmt.Fprintf(&b, "      Policies:\n        - PolicyName: waybill\n          PolicyDocument:\n%s\n", policy.CloudFormation(12))
			}
			continue
		}
		if policy != nil {
			fmt.Fprintf(&b, "  %sPolicy:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      PolicyDocument:\n%s\n", name, policy.CloudFormation(8))
		}
	}
	_, err := fmt.Fprint(v.app.out, b.String())
	return err
}

// logicalID makes a name that CloudFormation takes: letters and digits.
func logicalID(slug string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(slug, "_") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

// iamCheck compares a policy with what is needed.
func (a *app) iamCheck(f *iamFlags, p *access.Principal) error {
	text, err := os.ReadFile(f.check)
	if err != nil {
		return problem.New("file-not-readable", fmt.Sprintf("the policy %s cannot be read", f.check), err)
	}
	found, err := p.Compare(text)
	if err != nil {
		bad := problem.New("invalid-value", fmt.Sprintf("%s cannot be compared: %s", f.check, err), nil)
		bad.Remedy = []string{"Give a policy document as AWS takes it: { \"Version\": …, \"Statement\": [ … ] }."}
		return bad
	}
	missing, more := 0, 0
	for _, d := range found {
		if d.Missing {
			missing++
			fmt.Fprintf(a.out, "%s lacks %s on %s\n", a.style.Red("-"), d.Action, d.On)
			for _, why := range d.Because {
				fmt.Fprintf(a.out, "    %s\n", a.style.Faint(why))
			}
			continue
		}
		more++
		fmt.Fprintf(a.out, "%s allows %s on %s, which nothing here needs\n", a.style.Yellow("+"), d.Action, d.On)
	}
	for _, n := range p.Notes {
		fmt.Fprintf(a.out, "%s %s\n", a.style.Yellow("note:"), n)
	}
	switch {
	case missing > 0 || f.strict && more > 0:
		fmt.Fprintf(a.out, "%s: %d missing, %d more than needed\n", p.Name, missing, more)
		return errReported
	case more > 0:
		fmt.Fprintf(a.out, "%s: all that is needed, and %d more\n", p.Name, more)
	default:
		fmt.Fprintf(a.out, "%s: all that is needed, and no more\n", p.Name)
	}
	return nil
}

func (f *iamFlags) completeRole(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	g, _, _, err := f.compile()
	if err != nil || g == nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, err := access.Principals(g)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []cobra.Completion
	for _, p := range all {
		if p.Role == "" {
			out = append(out, "waybill")
			continue
		}
		out = append(out, p.Role[strings.LastIndex(p.Role, "/")+1:])
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
