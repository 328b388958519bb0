package objectstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"waybill/internal/identity"
	"waybill/internal/problem"
)

// Context is what was tried, for a problem that names it.
type Context struct {
	Bucket, Key   string // Key may be empty
	Action        string // the IAM action that the request needs, "s3:PutObject"
	Region        string // that the request was signed for
	ExpectedOwner string // account, if one was sent
	Identity      string // our ARN, if known
	Where         string // file:line
}

func (c Context) url() string {
	if c.Key == "" {
		return "s3://" + c.Bucket
	}
	return "s3://" + c.Bucket + "/" + c.Key
}

// BucketARN is the ARN of a bucket; the region tells its partition.
func BucketARN(bucket, region string) string {
	return "arn:" + identity.ARNPartition(region) + ":s3:::" + bucket
}

// resource is the ARN that a policy statement for this request names.
func (c Context) resource() string {
	arn := c.Bucket
	if !strings.HasPrefix(arn, "arn:") {
		arn = BucketARN(c.Bucket, c.Region)
	}
	if c.Key == "" {
		return arn
	}
	return ObjectARN(arn, c.Key)
}

// ObjectARN is the ARN of an object in a bucket or behind an access point, whose
// ARN is given.
func ObjectARN(bucket, key string) string {
	if strings.Contains(bucket, ":accesspoint") {
		return bucket + "/object/" + key
	}
	return bucket + "/" + key
}

// Classify turns an error of S3, or of getting the credentials for it, into a
// problem that names what was tried. One that is a problem already stays as
// it is; nil stays nil.
func Classify(err error, at Context) *problem.Problem {
	if err == nil {
		return nil
	}
	if p := problem.As(err); p != nil {
		return p
	}
	if errors.Is(err, context.Canceled) {
		return problem.New("cancelled", "the transfer of "+at.url()+" was cancelled", nil)
	}
	a := identity.ReadAnswer(err)
	p := classify(a, at)
	p.Where = at.Where
	return p
}

func classify(a *identity.Answer, at Context) *problem.Problem {
	switch {
	case a.Unreachable():
		return unreachable(a, at)
	case a.Throttled():
		p := problem.New("s3-slow-down", fmt.Sprintf("S3 asks us to slow down at %s", at.url()), a)
		return p
	case identity.ExpiredCode(a.Code):
		return problem.New("credentials-expired", fmt.Sprintf("the credentials for %s have expired", at.url()), a)
	case identity.InvalidCode(a.Code):
		return problem.New("credentials-invalid", fmt.Sprintf("S3 does not accept the credentials for %s", at.url()), a)
	case isRegion(a, at):
		return regionMismatch(a, at)
	case a.Code == "NoSuchBucket" || (a.Status == http.StatusNotFound && at.Key == ""):
		return bucketNotFound(a, at)
	case a.Code == "NoSuchKey" || a.Status == http.StatusNotFound:
		return problem.New("object-not-found", fmt.Sprintf("there is no object %s", at.url()), a)
	case a.Code == "AccessDenied" || a.Code == "AllAccessDisabled" || a.Status == http.StatusForbidden:
		return denied(a, at)
	case a.Status == http.StatusPreconditionFailed && at.Action == "s3:PutObject":
		return problem.New("object-exists", fmt.Sprintf("another object stands at %s", at.url()), a)
	case a.Status == http.StatusPreconditionFailed:
		return problem.New("object-changed", fmt.Sprintf("%s changed while it was read", at.url()), a)
	}
	return other(a, at)
}

// transientCodes are answers below 500 that a later attempt may not meet.
var transientCodes = map[string]bool{
	"RequestTimeout": true, "BadDigest": true, "XAmzContentSHA256Mismatch": true, "XAmzContentChecksumMismatch": true, "IncompleteBody": true,
	"ConditionalRequestConflict": true, "OperationAborted": true, "NoSuchUpload": true, "InvalidPart": true,
}

func other(a *identity.Answer, at Context) *problem.Problem {
	if a.Status >= 500 || transientCodes[a.Code] || a.Status < 300 {
		return problem.New("s3-failed", fmt.Sprintf("S3 could not do what was asked with %s", at.url()), a)
	}
	return problem.New("s3-rejected", fmt.Sprintf("S3 rejected the request for %s", at.url()), a)
}

func unreachable(a *identity.Answer, at Context) *problem.Problem {
	return problem.New("s3-unreachable", fmt.Sprintf("S3 cannot be reached for %s in %s", at.url(), orText(at.Region, "the region of the environment")), a)
}

func bucketNotFound(a *identity.Answer, at Context) *problem.Problem {
	p := problem.New("bucket-not-found", fmt.Sprintf("the bucket %s does not exist", at.Bucket), a)
	p.Remedy = []string{
		fmt.Sprintf("Compare bucket = %q with the name its owner gave, letter by letter: names are case-sensitive.", at.Bucket),
		fmt.Sprintf("Check that it is in the partition of the region %s.", at.Region),
		"If the bucket was deleted, ask its owner to create it again: waybill creates none.",
	}
	return p
}

func isRegion(a *identity.Answer, at Context) bool {
	switch a.Code {
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "TemporaryRedirect":
		return true
	}
	there := a.Header.Get("X-Amz-Bucket-Region")
	return a.Status == http.StatusMovedPermanently || (a.Status == http.StatusBadRequest && there != "" && there != at.Region)
}

var expecting = regexp.MustCompile(`expecting '([a-z0-9-]+)'`)

// regionMismatch names the bucket's region, which S3 tells in a header or in
// its message.
func regionMismatch(a *identity.Answer, at Context) *problem.Problem {
	there := a.Header.Get("X-Amz-Bucket-Region")
	if m := expecting.FindStringSubmatch(a.Message); there == "" && m != nil {
		there = m[1]
	}
	summary := fmt.Sprintf("the bucket %s is not in %s", at.Bucket, at.Region)
	if there != "" {
		summary = fmt.Sprintf("the bucket %s is in %s, not in %s", at.Bucket, there, at.Region)
	}
	p := problem.New("bucket-region-mismatch", summary, a)
	if there != "" {
		p.Remedy = []string{fmt.Sprintf("Set region = %q for this bucket, in the sink or in its connection.", there)}
		p.Snippet = fmt.Sprintf("region = %q", there)
	}
	return p
}

// notAuthorized reads the action and the resource out of IAM's message, which
// knows better than we do when it is the bucket's key that refused.
var notAuthorized = regexp.MustCompile(`is not authorized to perform: ([a-zA-Z0-9-]+:[a-zA-Z0-9]+) on resource: "?([^\s"]+)"?`)

func denied(a *identity.Answer, at Context) *problem.Problem {
	action, resource := at.Action, at.resource()
	m := notAuthorized.FindStringSubmatch(a.Message)
	if m != nil {
		action, resource = m[1], m[2]
	}
	actions := []string{action}
	if action == "s3:PutObject" {
		actions = append(actions, "s3:AbortMultipartUpload")
		resource = at.resource()
	}
	if action == "kms:GenerateDataKey" {
		actions = append(actions, "kms:Decrypt") // a multipart upload needs both
	}
	p := problem.New("bucket-access-denied", fmt.Sprintf("%s may not %s on %s", orText(at.Identity, "the identity of this connection"), action, at.url()), a)
	p.Remedy = deniedRemedy(a, at, m != nil)
	p.Snippet = identity.AllowStatement(resource, actions...)
	return p
}

func deniedRemedy(a *identity.Answer, at Context, told bool) []string {
	if strings.Contains(a.Message, "explicit deny") {
		return []string{"A policy denies this explicitly, which no Allow outweighs. Ask its owner to change it; S3 says where it is: " + a.Message}
	}
	steps := []string{
		"Ask the role's owner to add the statement below to the role's policy. A wider Resource, such as the prefix that the keys share, does as well.",
		"If the role has it, look for a Deny in the bucket's policy, for Object Ownership that asks for an acl, and for kms:GenerateDataKey on the bucket's key.",
	}
	if at.ExpectedOwner != "" && !told {
		steps = append(steps, fmt.Sprintf("S3 answers the same when the bucket does not belong to expected_bucket_owner (%s): compare it with the owner's account.", at.ExpectedOwner))
	}
	return steps
}

// ownerMismatch is for a bucket that let us in until we said whose it must be.
func ownerMismatch(a *identity.Answer, at Context) *problem.Problem {
	p := problem.New("bucket-owner-mismatch", fmt.Sprintf("the bucket %s does not belong to the account %s", at.Bucket, at.ExpectedOwner), a)
	p.Where = at.Where
	return p
}
