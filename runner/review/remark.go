package review

import "strings"

// Remark says what a change means where that is easily overlooked: who receives
// what, and who may do what. It is empty for all other changes.
func Remark(c Change) string {
	attr := c.Path[strings.LastIndex(c.Path, ".")+1:]
	switch {
	case attr == "role_arn" && c.Kind == Changed && account(c.Old) != account(c.New):
		return "another role, of another account"
	case attr == "role_arn" && c.Kind == Changed:
		return "another role; these files do not say what it may do"
	case attr == "external_id" && c.Kind == Removed, attr == "allow_missing_external_id" && c.New == "true":
		return "whoever runs as our identity could be talked into using this role for somebody else"
	case attr == "policy" && c.Kind == Removed:
		return "the session may do all that its role allows"
	case attr == "expected_bucket_owner" && c.Kind == Removed:
		return "a bucket that somebody else has taken the name of would be delivered to"
	case attr == "allow_sensitive" && c.New == "true":
		return "columns marked as sensitive may leave"
	case attr == "sensitive_columns":
		return "decides which columns are hidden and held back"
	case (attr == "encryption" || attr == "pgp") && c.Kind == Removed, attr == "sse" && c.Kind == Removed, attr == "public_key" && c.Kind == Removed:
		return "files are no longer encrypted this way"
	case attr == "bucket" && c.Kind == Changed:
		return "another bucket; what was delivered stays where it is"
	case (attr == "key" || attr == "path") && strings.HasPrefix(c.Path, "sink.") && c.Kind == Changed:
		return "other names; what was delivered under the old ones stays"
	case attr == "acl":
		return "decides who else may read the objects"
	}
	return ""
}

// account is the account of a quoted ARN.
func account(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 4 {
		return parts[4]
	}
	return ""
}
