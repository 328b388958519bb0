package sandbox

import (
	"net/http"
	"net/url"
	"strings"
)

// splitPath returns bucket and key of a path-style S3 request.
func splitPath(u *url.URL) (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	return bucket, key
}

// subresources are the query parameters that turn a request into one about
// something that belongs to a bucket or object, with the name that the
// operation takes from it.
var subresources = []struct{ param, bucket, object string }{
	{"acl", "BucketAcl", "ObjectAcl"},
	{"attributes", "", "ObjectAttributes"},
	{"cors", "BucketCors", ""},
	{"encryption", "BucketEncryption", ""},
	{"legal-hold", "", "ObjectLegalHold"},
	{"lifecycle", "BucketLifecycleConfiguration", ""},
	{"location", "BucketLocation", ""},
	{"object-lock", "ObjectLockConfiguration", ""},
	{"ownershipControls", "BucketOwnershipControls", ""},
	{"policy", "BucketPolicy", ""},
	{"policyStatus", "BucketPolicyStatus", ""},
	{"publicAccessBlock", "PublicAccessBlock", ""},
	{"retention", "", "ObjectRetention"},
	{"tagging", "BucketTagging", "ObjectTagging"},
	{"versioning", "BucketVersioning", ""},
	{"website", "BucketWebsite", ""},
}

// s3Operation names the API operation of an S3 request.
func s3Operation(r *http.Request) string {
	bucket, key := splitPath(r.URL)
	q := r.URL.Query()
	if bucket == "" {
		return "ListBuckets"
	}
	for _, s := range subresources {
		name := s.bucket
		if key != "" {
			name = s.object
		}
		if q.Has(s.param) && name != "" {
			return verb(r.Method) + name
		}
	}
	if key == "" {
		return bucketOperation(r.Method, q)
	}
	if q.Has("uploads") || q.Has("uploadId") {
		return multipartOperation(r, q)
	}
	return objectOperation(r, q)
}

func verb(method string) string {
	switch method {
	case http.MethodPut:
		return "Put"
	case http.MethodDelete:
		return "Delete"
	}
	return "Get"
}

func bucketOperation(method string, q url.Values) string {
	switch {
	case method == http.MethodHead:
		return "HeadBucket"
	case method == http.MethodPut:
		return "CreateBucket"
	case method == http.MethodDelete:
		return "DeleteBucket"
	case method == http.MethodPost && q.Has("delete"):
		return "DeleteObjects"
	case method == http.MethodPost:
		return "PostObject"
	case q.Has("uploads"):
		return "ListMultipartUploads"
	case q.Has("versions"):
		return "ListObjectVersions"
	case q.Get("list-type") == "2":
		return "ListObjectsV2"
	}
	return "ListObjects"
}

func multipartOperation(r *http.Request, q url.Values) string {
	switch {
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "CreateMultipartUpload"
	case r.Method == http.MethodPost:
		return "CompleteMultipartUpload"
	case r.Method == http.MethodDelete:
		return "AbortMultipartUpload"
	case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
		return "UploadPartCopy"
	case r.Method == http.MethodPut:
		return "UploadPart"
	}
	return "ListParts"
}

func objectOperation(r *http.Request, q url.Values) string {
	switch {
	case r.Method == http.MethodHead:
		return "HeadObject"
	case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
		return "CopyObject"
	case r.Method == http.MethodPut:
		return "PutObject"
	case r.Method == http.MethodDelete:
		return "DeleteObject"
	case r.Method == http.MethodPost && q.Has("select"):
		return "SelectObjectContent"
	case r.Method == http.MethodPost && q.Has("restore"):
		return "RestoreObject"
	}
	return "GetObject"
}
