package athena

import (
	"fmt"
	"regexp"
	"strings"
)

// A location is a place in S3: an object, or, when its key is empty or ends in
// "/", all below it.
type location struct {
	bucket, key string
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// parseLocation reads s3://bucket/key.
func parseLocation(s string) (location, error) {
	rest, ok := strings.CutPrefix(s, "s3://")
	bucket, key, _ := strings.Cut(rest, "/")
	if !ok || !bucketName.MatchString(bucket) {
		return location{}, fmt.Errorf("%q is not a place in S3", s)
	}
	return location{bucket: bucket, key: key}, nil
}

// parseFolder reads s3://bucket/prefix, with or without the final slash.
func parseFolder(s string) (location, error) {
	l, err := parseLocation(s)
	if err == nil && l.key != "" && !strings.HasSuffix(l.key, "/") {
		l.key += "/"
	}
	return l, err
}

func (l location) String() string { return "s3://" + l.bucket + "/" + l.key }

// contains reports whether an object is below the folder l. Keys are opaque in
// S3, so a "../" in one leads nowhere.
func (l location) contains(o location) bool {
	return o.bucket == l.bucket && len(o.key) > len(l.key) && strings.HasPrefix(o.key, l.key)
}

// below returns the folder called name in the folder l.
func (l location) below(name string) location {
	return location{bucket: l.bucket, key: l.key + name + "/"}
}
