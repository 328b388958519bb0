package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/iamapi/policy"
	"github.com/versity/versitygw/iamapi/types"
)

func checkIdentityPolicy(document string) error {
	if err := policy.Validate("policy", document); err != nil {
		return policyError(err)
	}
	return policyError(policy.Parse(document))
}

func checkTrustPolicy(document string) error {
	if err := policy.Validate("trust_policy", document); err != nil {
		return policyError(err)
	}
	return policyError(policy.ParseTrust(document))
}

func checkBucketPolicy(document, bucket string) error {
	return policyError(auth.ValidatePolicyDocument([]byte(document), bucket, &gatewayIAM{}))
}

// policyError gives the sentence of a policy's error, without the code and XML
// that the service wraps it in.
func policyError(err error) error {
	if err == nil {
		return nil
	}
	var described struct{ Description, Message string }
	if data, merr := json.Marshal(err); merr == nil {
		_ = json.Unmarshal(data, &described)
	}
	switch {
	case described.Description != "":
		return fmt.Errorf("%s", described.Description)
	case described.Message != "":
		return fmt.Errorf("%s", described.Message)
	}
	return err
}

type jsonStatement struct {
	Effect    string
	Principal any `json:",omitempty"`
	Action    []string
	Resource  []string                       `json:",omitempty"`
	Condition map[string]map[string][]string `json:",omitempty"`
}

func document(statements ...jsonStatement) string {
	text, err := json.Marshal(map[string]any{"Version": policy.Version2012, "Statement": statements})
	if err != nil {
		panic(fmt.Sprintf("sandbox: a policy made of strings cannot fail to encode: %v", err))
	}
	return string(text)
}

// statementDocument is the policy that a statement block stands for.
func statementDocument(s statementValues) string {
	out := jsonStatement{Effect: s.Effect, Action: s.Actions, Resource: s.Resources}
	for _, c := range s.Conditions {
		if out.Condition == nil {
			out.Condition = map[string]map[string][]string{}
		}
		if out.Condition[c.Test] == nil {
			out.Condition[c.Test] = map[string][]string{}
		}
		out.Condition[c.Test][c.Variable] = append(out.Condition[c.Test][c.Variable], c.Values...)
	}
	return document(out)
}

// trustDocument is the trust policy that trust blocks stand for.
func trustDocument(blocks []trustValues) string {
	var out []jsonStatement
	for _, t := range blocks {
		s := jsonStatement{Effect: "Allow", Principal: map[string][]string{"AWS": t.Principals},
			Action: []string{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"}}
		if t.ExternalID != "" {
			s.Condition = map[string]map[string][]string{"StringEquals": {"sts:ExternalId": {t.ExternalID}}}
		}
		out = append(out, s)
	}
	return document(out...)
}

func entries(documents []string) []types.PolicyEntry {
	out := make([]types.PolicyEntry, len(documents))
	for i, d := range documents {
		out[i] = types.PolicyEntry{PolicyName: fmt.Sprintf("policy-%d", i), PolicyDocument: d}
	}
	return out
}

// A grant is what a resource's own policy says about a caller.
type grant struct {
	direct    policy.Decision // statements that name the caller, its role or everybody
	delegated policy.Decision // statements that name the caller's account, which then decides itself
}

// any reports whether the resource lets the caller in, provided that the
// caller's own account does.
func (g grant) any() bool {
	return g.direct == policy.DecisionAllow || g.delegated == policy.DecisionAllow
}

func (g grant) denied() bool {
	return g.direct == policy.DecisionDeny || g.delegated == policy.DecisionDeny
}

// resourceGrant evaluates a trust or bucket policy for a caller. The policy
// library evaluates identity policies only, so the statements that concern the
// caller are handed to it without their principal.
func resourceGrant(resourcePolicy string, caller *Principal, req policy.RequestContext) grant {
	var doc policy.Document
	if err := json.Unmarshal([]byte(resourcePolicy), &doc); err != nil {
		return grant{direct: policy.DecisionDeny}
	}
	var direct, delegated []policy.Statement
	for _, s := range doc.Statement {
		switch caller.matches(principalsOf(s.Principal)) {
		case matchDirect:
			direct = append(direct, s)
		case matchAccount:
			delegated = append(delegated, s)
		}
	}
	return grant{direct: evaluate(direct, doc.Version, req), delegated: evaluate(delegated, doc.Version, req)}
}

// federatedGrant evaluates the statements of a trust policy that name an
// identity provider.
func federatedGrant(trustPolicy, provider string, req policy.RequestContext) policy.Decision {
	var doc policy.Document
	if err := json.Unmarshal([]byte(trustPolicy), &doc); err != nil {
		return policy.DecisionDeny
	}
	var named []policy.Statement
	for _, s := range doc.Statement {
		var principal struct{ Federated policy.StringOrSlice }
		if json.Unmarshal(s.Principal, &principal) == nil && slices.Contains(principal.Federated, provider) {
			named = append(named, s)
		}
	}
	return evaluate(named, doc.Version, req)
}

func evaluate(statements []policy.Statement, version string, req policy.RequestContext) policy.Decision {
	if len(statements) == 0 {
		return policy.DecisionNoMatch
	}
	out := make([]map[string]any, len(statements))
	for i, s := range statements {
		out[i] = withoutPrincipal(s)
	}
	text, err := json.Marshal(map[string]any{"Version": version, "Statement": out})
	if err != nil {
		return policy.DecisionDeny
	}
	return policy.EvaluateIdentityPolicies([]types.PolicyEntry{{PolicyDocument: string(text)}}, req)
}

// withoutPrincipal is a statement as an identity policy has it. Trust policies
// have no resource: theirs is the role that they belong to.
func withoutPrincipal(s policy.Statement) map[string]any {
	out := map[string]any{"Effect": s.Effect}
	set := func(name string, values policy.StringOrSlice) {
		if len(values) > 0 {
			out[name] = values
		}
	}
	set("Action", s.Action)
	set("NotAction", s.NotAction)
	set("Resource", s.Resource)
	set("NotResource", s.NotResource)
	if len(s.Resource) == 0 && len(s.NotResource) == 0 {
		out["Resource"] = "*"
	}
	if len(s.Condition) > 0 {
		out["Condition"] = s.Condition
	}
	return out
}

// principalsOf lists the AWS principals of a Principal element.
func principalsOf(raw json.RawMessage) []string {
	var everybody string
	if json.Unmarshal(raw, &everybody) == nil {
		return []string{everybody}
	}
	var named struct{ AWS policy.StringOrSlice }
	if json.Unmarshal(raw, &named) != nil {
		return nil
	}
	return named.AWS
}

type match int

const (
	matchNone match = iota
	matchAccount
	matchDirect
)

// matches tells how strongly a list of principals names this one.
func (p *Principal) matches(names []string) match {
	direct := []string{"*", p.ARN}
	if p.RoleARN != "" {
		direct = append(direct, p.RoleARN)
	}
	account := []string{p.Account, "arn:aws:iam::" + p.Account + ":root"}
	out := matchNone
	for _, name := range names {
		if slices.Contains(direct, name) {
			return matchDirect
		}
		if slices.Contains(account, name) {
			out = matchAccount
		}
	}
	return out
}

// validPrincipal reports whether a name has the form of an AWS principal.
func validPrincipal(name string) bool {
	return accountRule.MatchString(name) || strings.HasPrefix(name, "arn:aws:iam::") || strings.HasPrefix(name, "arn:aws:sts::")
}
