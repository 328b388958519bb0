package identity

import (
	"bytes"
	"encoding/json"
	"strings"
)

// A statement is one statement of a policy document, in AWS's own field order.
type statement struct {
	Effect    string
	Principal map[string]string            `json:",omitempty"`
	Action    any                          // a string, or several
	Resource  any                          `json:",omitempty"`
	Condition map[string]map[string]string `json:",omitempty"`
}

// allowTrust is a trust policy of one statement.
func allowTrust(st statement) string {
	st.Effect = "Allow"
	return render(document{Version: "2012-10-17", Statement: []statement{st}})
}

type document struct {
	Version   string
	Statement []statement
}

// TrustPolicy is the trust policy, as JSON, that lets the caller assume a role
// as it is configured. A sensitive external id is left for the reader to fill
// in. caller may be empty if it is not known.
func TrustPolicy(caller string, role Role) string {
	st := statement{Action: "sts:AssumeRole",
		Principal: map[string]string{"AWS": orText(principalOf(caller), "<the ARN of the identity that waybill runs as>")}}
	switch {
	case role.ExternalID.Hidden():
		st.Condition = equals("sts:ExternalId", "<the external id>")
	case !role.ExternalID.IsZero():
		st.Condition = equals("sts:ExternalId", role.ExternalID.Reveal())
	}
	return allowTrust(st)
}

// AllowStatement is the statement, as JSON, that allows actions on resources.
func AllowStatement(resource string, actions ...string) string {
	var action any = actions
	if len(actions) == 1 {
		action = actions[0]
	}
	return render(statement{Effect: "Allow", Action: action, Resource: resource})
}

func equals(key, value string) map[string]map[string]string {
	return map[string]map[string]string{"StringEquals": {key: value}}
}

// principalOf is what a trust policy names for a caller: the role itself where
// the caller is a session of it. STS does not tell a role's path, so that of a
// role below a path must be put in by hand.
func principalOf(caller string) string {
	head, rest, ok := strings.Cut(caller, ":assumed-role/")
	if !ok {
		return caller
	}
	name, _, _ := strings.Cut(rest, "/")
	return strings.Replace(head, ":sts::", ":iam::", 1) + ":role/" + name
}

// render writes JSON for a reader: indented, with <, > and & as they are.
func render(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // strings and maps of strings always encode
	return strings.TrimSuffix(b.String(), "\n")
}
