package main

import (
	"cmp"
	"context"
	"os"

	"waybill/internal/torture/check"
)

// otherS3 is the service that WAYBILL_TEST_S3 names; nil if there is none. Its
// keys are in WAYBILL_TEST_S3_KEY and WAYBILL_TEST_S3_SECRET, its region in
// WAYBILL_TEST_S3_REGION.
func otherS3() *check.S3 {
	endpoint := os.Getenv("WAYBILL_TEST_S3")
	if endpoint == "" {
		return nil
	}
	return &check.S3{Endpoint: endpoint, Region: cmp.Or(os.Getenv("WAYBILL_TEST_S3_REGION"), "us-east-1"),
		AccessKey: os.Getenv("WAYBILL_TEST_S3_KEY"), SecretKey: os.Getenv("WAYBILL_TEST_S3_SECRET")}
}

// useOther makes the buckets of the flows that need S3 alone.
func (w *world) useOther(ctx context.Context, s *check.S3) error {
	w.url, w.buckets = s.Endpoint, s
	w.env = []string{"AWS_ACCESS_KEY_ID=" + s.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s.SecretKey, "AWS_REGION=" + s.Region,
		"AWS_ENDPOINT_URL=" + s.Endpoint, "AWS_EC2_METADATA_DISABLED=true"}
	for _, f := range w.flows() {
		for _, want := range f.wants {
			if err := s.Make(ctx, want.Bucket); err != nil {
				return err
			}
		}
	}
	return nil
}

// flows are those that the services at hand can serve.
func (w *world) flows() []flow {
	var out []flow
	for _, f := range flows() {
		if f.plain || otherS3() == nil {
			out = append(out, f)
		}
	}
	return out
}
