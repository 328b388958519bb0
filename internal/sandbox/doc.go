// Package sandbox is AWS on the loopback interface, as far as waybill needs it:
// S3, STS, Secrets Manager, the Parameter Store, and services that are plugged
// in, such as Athena.
//
// It is meant to refuse what AWS refuses, in the same words: requests are
// verified by their signatures, roles by their trust policies and external ids,
// actions by IAM and bucket policies, buckets by region and owner. What it
// pretends is declared in *.sandbox.hcl files, which Load reads; every request
// is written to a journal, and fault rules make chosen requests fail.
//
// A sandbox runs in a process of its own: Start makes one, and Serve is what
// that process does.
package sandbox
