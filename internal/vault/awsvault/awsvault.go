// Package awsvault reads secrets that AWS keeps: in Secrets Manager and in the
// Parameter Store of Systems Manager. Requests are signed by whoever the SDK's
// default credential chain finds, as those of a connection without keys are.
package awsvault

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"waybill/internal/identity"
	"waybill/internal/problem"
	"waybill/internal/vault"
)

// SecretsManager returns the reader of aws-sm://.
func SecretsManager(ids *identity.Identities) vault.Reader {
	return reader{ids: ids, of: secretsManager, fetch: fetchSecret}
}

// ParameterStore returns the reader of aws-ssm://.
func ParameterStore(ids *identity.Identities) vault.Reader {
	return reader{ids: ids, of: parameterStore, fetch: fetchParameter}
}

// A reader reads from one service. Its errors are problems.
type reader struct {
	ids   *identity.Identities
	of    service
	fetch func(ctx context.Context, cfg aws.Config, ref vault.Ref) (string, error)
}

func (r reader) Read(ctx context.Context, ref vault.Ref) (string, error) {
	conn := &identity.Config{Region: ref.Region}
	cfg, err := r.ids.AWSConfig(ctx, conn, nil)
	if err != nil {
		return "", place(ref, err)
	}
	text, err := r.fetch(ctx, cfg, ref)
	if err == nil {
		return text, nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	f := failure{service: r.of, ref: ref, region: cfg.Region, answer: identity.ReadAnswer(err), err: err}
	return "", f.problem(func() string {
		caller, _ := r.ids.WhoAmI(ctx, conn, nil) // for the explanation: without it, it says less
		return caller
	})
}

// place adds the reference to a failure to become anybody at all.
func place(ref vault.Ref, err error) error {
	p := problem.As(err)
	if p == nil {
		return err
	}
	named := *p
	named.Summary = ref.String() + " cannot be read: " + p.Summary
	if p.Code == "missing-attribute" {
		named.Cause = "The reference names no region, and the environment has none (AWS_REGION, or that of the profile)."
		named.Remedy = []string{"Add the region to the reference, for instance " + ref.Scheme + "://" + ref.Name + "?region=eu-west-1, or set AWS_REGION."}
	}
	return &named
}

func fetchSecret(ctx context.Context, cfg aws.Config, ref vault.Ref) (string, error) {
	in := &secretsmanager.GetSecretValueInput{SecretId: aws.String(ref.Name)}
	if ref.Stage != "" {
		in.VersionStage = aws.String(ref.Stage)
	}
	if ref.Version != "" {
		in.VersionId = aws.String(ref.Version)
	}
	out, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, in)
	if err != nil {
		return "", err
	}
	if out.SecretString == nil {
		return "", problem.New("secret-unusable", ref.String()+" cannot be used: it is binary, not text", nil)
	}
	return *out.SecretString, nil
}

func fetchParameter(ctx context.Context, cfg aws.Config, ref vault.Ref) (string, error) {
	out, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(ref.Name), WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", err
	}
	if out.Parameter == nil {
		return "", vault.NotFound(ref, "AWS answered without a parameter", nil)
	}
	return aws.ToString(out.Parameter.Value), nil
}
