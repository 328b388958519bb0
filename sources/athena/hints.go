package athena

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"waybill/internal/diag"
	"waybill/internal/problem"
)

const (
	hintTime  = 5 * time.Second
	hintPages = 10 // of at most 50 tables
)

// suggest adds the nearest name that exists to a problem about one that does
// not. It asks the catalog, and is content with no answer.
func (x *extraction) suggest(ctx context.Context, p *problem.Problem, text string) {
	m := missing.FindStringSubmatch(text)
	if m == nil || x.athena == nil || x.cfg.Database == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, hintTime)
	defer cancel()
	name := m[2][strings.LastIndex(m[2], ".")+1:]
	var names []string
	for _, t := range x.tables(ctx) {
		switch {
		case strings.EqualFold(m[1], "table"):
			names = append(names, aws.ToString(t.Name))
		case strings.EqualFold(m[1], "column") && strings.Contains(strings.ToLower(x.stmt.text), strings.ToLower(aws.ToString(t.Name))):
			names = append(names, columnNames(t)...)
		}
	}
	if hint := diag.Suggest(name, names); hint != "" {
		p.Remedy = append([]string{strings.TrimSpace(hint)}, p.Remedy...)
	}
}

func (x *extraction) tables(ctx context.Context) []types.TableMetadata {
	pager := athena.NewListTableMetadataPaginator(x.athena, &athena.ListTableMetadataInput{
		CatalogName: &x.cfg.Catalog, DatabaseName: &x.cfg.Database, WorkGroup: &x.cfg.Workgroup,
	})
	var out []types.TableMetadata
	for n := 0; pager.HasMorePages() && n < hintPages; n++ {
		page, err := pager.NextPage(ctx)
		if err != nil {
			break
		}
		out = append(out, page.TableMetadataList...)
	}
	return out
}

func columnNames(t types.TableMetadata) []string {
	var names []string
	for _, c := range append(t.Columns, t.PartitionKeys...) {
		names = append(names, aws.ToString(c.Name))
	}
	return names
}
