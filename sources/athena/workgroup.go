package athena

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"waybill/internal/problem"
)

// A place is where an attempt's results go. It is asked for once and kept in
// the token, because a start that is repeated must be the same in all its
// parts.
type place struct {
	Output  string `json:"output,omitempty"`  // an s3:// folder; empty with managed results
	Managed bool   `json:"managed,omitempty"` // Athena keeps results in storage of its own
	Ours    bool   `json:"ours,omitempty"`    // the location is the source's, not the workgroup's
	Cutoff  int64  `json:"cutoff,omitempty"`  // bytes a query may scan; 0: no limit
}

// locate asks the workgroup where results go. A workgroup that enforces its
// settings ignores those of a query, so ours would be a lie.
func (x *extraction) locate(ctx context.Context) error {
	if x.tok.Place != nil {
		return nil
	}
	out, err := x.athena.GetWorkGroup(ctx, &athena.GetWorkGroupInput{WorkGroup: &x.cfg.Workgroup})
	if err != nil {
		return err
	}
	if out.WorkGroup.State == types.WorkGroupStateDisabled {
		return problem.New("athena-workgroup-invalid", fmt.Sprintf("workgroup %s is disabled", x.cfg.Workgroup), nil)
	}
	p, err := x.placeIn(out.WorkGroup.Configuration)
	if err != nil {
		return err
	}
	x.tok.Place = p
	return nil
}

func (x *extraction) placeIn(wg *types.WorkGroupConfiguration) (*place, error) {
	p := &place{Output: x.cfg.OutputLocation, Ours: x.cfg.OutputLocation != ""}
	if wg == nil {
		wg = &types.WorkGroupConfiguration{}
	}
	p.Cutoff = aws.ToInt64(wg.BytesScannedCutoffPerQuery)
	if m := wg.ManagedQueryResultsConfiguration; m != nil && m.Enabled {
		return &place{Managed: true, Cutoff: p.Cutoff}, nil
	}
	if rc := wg.ResultConfiguration; rc != nil && aws.ToString(rc.OutputLocation) != "" {
		if p.Output == "" || aws.ToBool(wg.EnforceWorkGroupConfiguration) {
			p.Output, p.Ours = *rc.OutputLocation, false
		}
	}
	if p.Output == "" {
		return nil, problem.New("athena-output-missing", fmt.Sprintf("neither the source nor workgroup %s says where Athena writes results", x.cfg.Workgroup), nil)
	}
	folder, err := parseFolder(p.Output)
	if err != nil {
		return nil, problem.New("athena-output-missing", fmt.Sprintf("the result location of workgroup %s cannot be used", x.cfg.Workgroup), err)
	}
	p.Output = folder.String()
	return p, nil
}

// resultConfiguration says where results go, unless the workgroup does.
func (x *extraction) resultConfiguration() *types.ResultConfiguration {
	if !x.tok.Place.Ours {
		return nil
	}
	return &types.ResultConfiguration{
		OutputLocation:      &x.tok.Place.Output,
		ExpectedBucketOwner: optional(x.cfg.ExpectedBucketOwner),
	}
}

// output is the folder that results go to; the zero location if Athena keeps
// them.
func (x *extraction) output() location {
	if x.tok.Place == nil {
		return location{}
	}
	l, err := parseFolder(x.tok.Place.Output)
	if err != nil {
		return location{}
	}
	return l
}
