package athena

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"waybill/internal/dataset"
	"waybill/internal/problem"
)

// describe asks Athena for the query's columns without reading rows. Elements
// of nested types take a second question, because a result's metadata leaves
// them out.
func (x *extraction) describe(ctx context.Context) (dataset.Schema, error) {
	if x.tok.Columns != nil {
		return x.tok.Columns, nil
	}
	qe, err := x.query(ctx, stageDescribe, x.stmt.described())
	if err != nil {
		return nil, err
	}
	schema, err := x.columns(ctx, qe)
	if err != nil {
		return nil, err
	}
	if err := checkNames(schema); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(schema, func(c dataset.Column) bool { return nested(c.Type) }) {
		if err := x.elements(ctx, schema); err != nil {
			return nil, err
		}
	}
	x.tok.Columns = schema
	return schema, nil
}

// columns reads the metadata of a query's result.
func (x *extraction) columns(ctx context.Context, qe *types.QueryExecution) (dataset.Schema, error) {
	set, err := x.firstRow(ctx, qe)
	if err != nil {
		return nil, err
	}
	if set.ResultSetMetadata == nil || len(set.ResultSetMetadata.ColumnInfo) == 0 {
		return nil, problem.New("athena-failed", "Athena told no columns for the result of query "+aws.ToString(qe.QueryExecutionId), nil)
	}
	return schemaOf(set.ResultSetMetadata.ColumnInfo), nil
}

// elements replaces the nested types of a schema by those with their elements.
// An engine whose typeof() speaks another language leaves them bare.
func (x *extraction) elements(ctx context.Context, schema dataset.Schema) error {
	names := make([]string, len(schema))
	for i, c := range schema {
		names[i] = c.Name
	}
	qe, err := x.query(ctx, stageTypes, x.stmt.typed(names))
	if err != nil {
		return err
	}
	set, err := x.rows(ctx, qe, 2)
	if err != nil {
		return err
	}
	if len(set.Rows) != 2 || len(set.Rows[1].Data) != len(schema) {
		return problem.New("athena-failed", "Athena did not tell the types of the result's columns", nil)
	}
	for i, d := range set.Rows[1].Data {
		if t := normalType(aws.ToString(d.VarCharValue)); nested(schema[i].Type) && nested(t) {
			schema[i].Type = t
		}
	}
	return nil
}

func (x *extraction) firstRow(ctx context.Context, qe *types.QueryExecution) (*types.ResultSet, error) {
	return x.rows(ctx, qe, 1)
}

// rows reads the first rows of a result; the very first holds the names.
func (x *extraction) rows(ctx context.Context, qe *types.QueryExecution, n int32) (*types.ResultSet, error) {
	out, err := x.athena.GetQueryResults(ctx, &athena.GetQueryResultsInput{QueryExecutionId: qe.QueryExecutionId, MaxResults: &n})
	if err != nil {
		return nil, err
	}
	return out.ResultSet, nil
}
