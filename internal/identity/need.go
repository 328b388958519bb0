package identity

import (
	"strings"
)

// A Need is something that an identity must be allowed to do.
type Need struct {
	Actions   []string // "s3:PutObject"
	Resources []string // ARNs; a "*" within stands for what only a run knows
	Because   string   // a clause: "it writes its files"
}

// ARNPartition is the partition of a region's ARNs: "aws", "aws-cn",
// "aws-us-gov".
func ARNPartition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// AccountOf is the account of a role's ARN; empty if it is none.
func AccountOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// AssumeNeed is what the identity before a role in a chain must be allowed.
func AssumeNeed(r Role) Need {
	n := Need{Actions: []string{"sts:AssumeRole"}, Resources: []string{r.ARN}, Because: "it becomes that role"}
	if len(r.SessionTags) > 0 {
		n.Actions = append(n.Actions, "sts:TagSession")
	}
	if r.SourceIdentity != "" {
		n.Actions = append(n.Actions, "sts:SetSourceIdentity")
	}
	return n
}
