package access

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/identity"
)

// A Statement is one of a policy document, in AWS's own words.
type Statement struct {
	Sid       string `json:",omitempty"`
	Effect    string
	Principal map[string][]string          `json:",omitempty"`
	Action    []string                     `json:",omitempty"`
	Resource  []string                     `json:",omitempty"`
	Condition map[string]map[string]string `json:",omitempty"`

	because []string
}

// Reasons say why the statement is there, one line each.
func (s Statement) Reasons() []string { return s.because }

// A Document is a policy document.
type Document struct {
	Version   string
	Statement []Statement
}

const version = "2012-10-17"

// Policy is what the principal must be allowed, as a policy of its own. It has
// no statement if nothing is needed.
func (p *Principal) Policy() Document {
	d := Document{Version: version, Statement: []Statement{}}
	for i, g := range p.Needs {
		d.Statement = append(d.Statement, Statement{Sid: fmt.Sprintf("Waybill%d", i+1), Effect: "Allow", Action: g.Actions, Resource: g.Resources, because: g.reasons()})
	}
	return d
}

// The words that stand where the files do not say what to write.
const (
	UnknownPrincipal  = "<the ARN of the identity that waybill runs as>"
	UnknownExternalID = "<the external id>"
)

// Trust is the trust policy that a role must have at the least. principal is
// the ARN of the identity that waybill begins with; empty if it is not known.
// It has no statement if the role is not assumed from here.
func (p *Principal) Trust(principal string) Document {
	d := Document{Version: version, Statement: []Statement{}}
	for i, t := range p.Trusts {
		if t.Web { // whoever issues the tokens is not in the files
			continue
		}
		by := t.By.Role
		if by == "" {
			by = principal
		}
		if by == "" {
			by = UnknownPrincipal
		}
		s := Statement{Sid: fmt.Sprintf("Waybill%d", i+1), Effect: "Allow", Principal: map[string][]string{"AWS": {by}}, Action: identity.AssumeNeed(*t.Role).Actions,
			because: []string{t.From + " becomes this role"}}
		switch id := t.Role.ExternalID; {
		case id.Hidden():
			s.Condition = equals(UnknownExternalID)
		case !id.IsZero():
			s.Condition = equals(id.Reveal())
		}
		d.Statement = append(d.Statement, s)
	}
	return d
}

func equals(id string) map[string]map[string]string {
	return map[string]map[string]string{"StringEquals": {"sts:ExternalId": id}}
}

// JSON is the document as AWS takes it.
func (d Document) JSON() string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(d) // texts always encode
	return strings.TrimSuffix(b.String(), "\n")
}

// Slug is a name for the principal in other languages: "inbox", or "waybill" for
// who waybill begins as.
func (p *Principal) Slug() string {
	name := p.Role[strings.LastIndex(p.Role, "/")+1:]
	if p.Role == "" {
		name = "waybill"
	}
	var b strings.Builder
	for i, r := range name {
		switch {
		case unicode.IsUpper(r) && i > 0 && b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteString("_" + strings.ToLower(string(r)))
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteString(strings.ToLower(string(r)))
		default:
			b.WriteString("_")
		}
	}
	return regexp.MustCompile(`_+`).ReplaceAllString(b.String(), "_")
}

// Terraform is the document as a data source of that name, each statement with
// why it is there.
func (d Document) Terraform(name string) string {
	f := hclwrite.NewEmptyFile()
	body := f.Body().AppendNewBlock("data", []string{"aws_iam_policy_document", name}).Body()
	for i, s := range d.Statement {
		if i > 0 {
			body.AppendNewline()
		}
		st := body.AppendNewBlock("statement", nil).Body()
		for _, why := range s.because {
			st.AppendUnstructuredTokens(hclwrite.Tokens{{Type: '#', Bytes: []byte("# " + why + "\n")}})
		}
		st.SetAttributeValue("sid", cty.StringVal(s.Sid))
		st.SetAttributeValue("actions", texts(s.Action))
		if len(s.Resource) > 0 {
			st.SetAttributeValue("resources", texts(s.Resource))
		}
		if s.Principal != nil {
			p := st.AppendNewBlock("principals", nil).Body()
			p.SetAttributeValue("type", cty.StringVal("AWS"))
			p.SetAttributeValue("identifiers", texts(s.Principal["AWS"]))
		}
		for test, keys := range s.Condition {
			for key, value := range keys {
				c := st.AppendNewBlock("condition", nil).Body()
				c.SetAttributeValue("test", cty.StringVal(test))
				c.SetAttributeValue("variable", cty.StringVal(key))
				c.SetAttributeValue("values", texts([]string{value}))
			}
		}
	}
	return strings.TrimSuffix(string(hclwrite.Format(f.Bytes())), "\n")
}

func texts(list []string) cty.Value {
	out := make([]cty.Value, len(list))
	for i, s := range list {
		out[i] = cty.StringVal(s)
	}
	return cty.ListVal(out)
}

// CloudFormation is the document in YAML, as the value of a property, indented by
// so many spaces.
func (d Document) CloudFormation(indent int) string {
	var b strings.Builder
	line := func(depth int, format string, args ...any) {
		b.WriteString(strings.Repeat(" ", indent+2*depth) + fmt.Sprintf(format, args...) + "\n")
	}
	line(0, "Version: %q", d.Version)
	line(0, "Statement:")
	for _, s := range d.Statement {
		for _, why := range s.because {
			line(1, "# %s", why)
		}
		line(1, "- Sid: %s", s.Sid)
		line(2, "Effect: %s", s.Effect)
		if s.Principal != nil {
			line(2, "Principal: { AWS: %s }", list(s.Principal["AWS"]))
		}
		line(2, "Action: %s", list(s.Action))
		if len(s.Resource) > 0 {
			line(2, "Resource: %s", list(s.Resource))
		}
		if s.Condition != nil {
			text, _ := json.Marshal(s.Condition) // texts always encode
			line(2, "Condition: %s", text)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// list is JSON, which YAML takes.
func list(texts []string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(texts) // texts always encode
	return strings.TrimSuffix(b.String(), "\n")
}
