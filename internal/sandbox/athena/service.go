// Package athena is the sandbox's Athena: the JSON API over declared tables,
// with DuckDB in the engine's place.
//
// A query's S3 requests (its data, its results) are made with the caller's own
// credentials, so that it fails where it would fail on AWS. The .metadata files
// beside results are JSON here; Athena's own format isn't documented, and
// nothing is known to read it.
package athena

import (
	"context"
	"fmt"
	"net/http"

	api "github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"waybill/internal/sandbox"
)

// New starts the service. Its Close stops the queries that still run.
func New(host sandbox.Host) (sandbox.Service, error) {
	s := newService(host)
	return sandbox.Service{Name: "athena", Protocol: sandbox.JSONProtocol, Handle: s.handle, Close: s.close}, nil
}

// An operation is one operation of the API.
type operation func(s *service, ctx context.Context, c *sandbox.Call) (any, error)

// op wraps a typed handler.
func op[In any](handle func(s *service, ctx context.Context, c *sandbox.Call, in *In) (any, error)) operation {
	return func(s *service, ctx context.Context, c *sandbox.Call) (any, error) {
		in, err := read[In](c.Body)
		if err != nil {
			return nil, err
		}
		out, err := handle(s, ctx, c, in)
		if err != nil {
			return nil, err
		}
		return wire(out), nil
	}
}

func lookup(name string) (operation, bool) {
	switch name {
	case "StartQueryExecution":
		return op((*service).startQueryExecution), true
	case "StopQueryExecution":
		return op((*service).stopQueryExecution), true
	case "GetQueryExecution":
		return op((*service).getQueryExecution), true
	case "BatchGetQueryExecution":
		return op((*service).batchGetQueryExecution), true
	case "ListQueryExecutions":
		return op((*service).listQueryExecutions), true
	case "GetQueryResults":
		return op((*service).getQueryResults), true
	case "GetWorkGroup":
		return op((*service).getWorkGroup), true
	case "ListWorkGroups":
		return op((*service).listWorkGroups), true
	}
	return lookupCatalog(name)
}

func (s *service) handle(ctx context.Context, c *sandbox.Call) (any, error) {
	do, ok := lookup(c.Operation)
	if !ok {
		return nil, &sandbox.APIError{Status: http.StatusBadRequest, Code: "UnknownOperationException", Message: "The sandbox has no operation " + c.Operation}
	}
	return do(s, ctx, c)
}

// authorize asks the caller's policies for the operation on a workgroup.
func authorize(c *sandbox.Call, workgroup string) error {
	action := "athena:" + c.Operation
	resource := fmt.Sprintf("arn:aws:athena:%s:%s:workgroup/%s", c.Region, c.Principal.Account, workgroup)
	if ok, explicit := c.Principal.Allowed(action, resource); !ok {
		return denied(c.Principal, action, resource, explicit)
	}
	return nil
}

// workgroup finds a workgroup and checks that the caller may use it.
func (s *service) workgroup(c *sandbox.Call, name *string) (sandbox.Workgroup, error) {
	want := sandbox.DefaultWorkgroup
	if name != nil && *name != "" {
		want = *name
	}
	if err := authorize(c, want); err != nil {
		return sandbox.Workgroup{}, err
	}
	for _, w := range s.host.Config.Workgroups {
		if w.Name == want {
			return w, nil
		}
	}
	return sandbox.Workgroup{}, invalid("WorkGroup %s is not found.", want)
}

func (s *service) getWorkGroup(_ context.Context, c *sandbox.Call, in *api.GetWorkGroupInput) (any, error) {
	w, err := s.workgroup(c, in.WorkGroup)
	if err != nil {
		return nil, err
	}
	config := &types.WorkGroupConfiguration{EnforceWorkGroupConfiguration: &w.Enforce, PublishCloudWatchMetricsEnabled: ptr(false), RequesterPaysEnabled: ptr(false),
		EngineVersion:       &types.EngineVersion{SelectedEngineVersion: ptr("AUTO"), EffectiveEngineVersion: ptr("Athena engine version 3")},
		ResultConfiguration: &types.ResultConfiguration{}, ManagedQueryResultsConfiguration: &types.ManagedQueryResultsConfiguration{Enabled: w.ManagedResults}}
	if w.OutputLocation != "" {
		config.ResultConfiguration.OutputLocation = &w.OutputLocation
	}
	if w.ExpectedBucketOwner != "" {
		config.ResultConfiguration.ExpectedBucketOwner = &w.ExpectedBucketOwner
	}
	if w.BytesScannedCutoff > 0 {
		config.BytesScannedCutoffPerQuery = &w.BytesScannedCutoff
	}
	return &api.GetWorkGroupOutput{WorkGroup: &types.WorkGroup{Name: &w.Name, State: types.WorkGroupStateEnabled, Description: ptr(""), CreationTime: &s.began, Configuration: config}}, nil
}

func (s *service) listWorkGroups(_ context.Context, c *sandbox.Call, _ *api.ListWorkGroupsInput) (any, error) {
	if err := authorize(c, "*"); err != nil {
		return nil, err
	}
	out := &api.ListWorkGroupsOutput{}
	for _, w := range s.host.Config.Workgroups {
		out.WorkGroups = append(out.WorkGroups, types.WorkGroupSummary{Name: &w.Name, State: types.WorkGroupStateEnabled, CreationTime: &s.began,
			EngineVersion: &types.EngineVersion{SelectedEngineVersion: ptr("AUTO"), EffectiveEngineVersion: ptr("Athena engine version 3")}})
	}
	return out, nil
}

func ptr[T any](v T) *T { return &v }
