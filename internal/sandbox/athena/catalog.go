package athena

import (
	"context"
	"net/http"
	"slices"
	"strings"

	api "github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"waybill/internal/sandbox"
)

func lookupCatalog(name string) (operation, bool) {
	switch name {
	case "GetDataCatalog":
		return op((*service).getDataCatalog), true
	case "ListDataCatalogs":
		return op((*service).listDataCatalogs), true
	case "GetDatabase":
		return op((*service).getDatabase), true
	case "ListDatabases":
		return op((*service).listDatabases), true
	case "GetTableMetadata":
		return op((*service).getTableMetadata), true
	case "ListTableMetadata":
		return op((*service).listTableMetadata), true
	}
	return nil, false
}

const shownCatalog = "AwsDataCatalog"

func notFound(what string) error {
	return &sandbox.APIError{Status: http.StatusBadRequest, Code: "MetadataException", Message: "EntityNotFoundException: " + what + " not found."}
}

// checkCatalog refuses catalogs other than the one there is, and callers
// without the permission.
func checkCatalog(c *sandbox.Call, name *string) error {
	action := "athena:" + c.Operation
	resource := "arn:aws:athena:" + c.Region + ":" + c.Principal.Account + ":datacatalog/" + shownCatalog
	if ok, explicit := c.Principal.Allowed(action, resource); !ok {
		return denied(c.Principal, action, resource, explicit)
	}
	if name != nil && !strings.EqualFold(*name, shownCatalog) {
		return invalid("Data catalog %s was not found", *name)
	}
	return nil
}

func (s *service) getDataCatalog(_ context.Context, c *sandbox.Call, in *api.GetDataCatalogInput) (any, error) {
	if err := checkCatalog(c, in.Name); err != nil {
		return nil, err
	}
	return &api.GetDataCatalogOutput{DataCatalog: &types.DataCatalog{Name: ptr(shownCatalog), Type: types.DataCatalogTypeGlue, Parameters: map[string]string{"catalog-id": c.Principal.Account}}}, nil
}

func (s *service) listDataCatalogs(_ context.Context, c *sandbox.Call, _ *api.ListDataCatalogsInput) (any, error) {
	if err := checkCatalog(c, nil); err != nil {
		return nil, err
	}
	return &api.ListDataCatalogsOutput{DataCatalogsSummary: []types.DataCatalogSummary{{CatalogName: ptr(shownCatalog), Type: types.DataCatalogTypeGlue}}}, nil
}

// databases lists the databases that tables are declared in, sorted.
func (s *service) databases() []string {
	var out []string
	for _, t := range s.host.Config.Tables {
		out = append(out, t.Database)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (s *service) getDatabase(_ context.Context, c *sandbox.Call, in *api.GetDatabaseInput) (any, error) {
	if err := checkCatalog(c, in.CatalogName); err != nil {
		return nil, err
	}
	if in.DatabaseName == nil || !slices.Contains(s.databases(), strings.ToLower(*in.DatabaseName)) {
		return nil, notFound("Database")
	}
	return &api.GetDatabaseOutput{Database: &types.Database{Name: ptr(strings.ToLower(*in.DatabaseName))}}, nil
}

func (s *service) listDatabases(_ context.Context, c *sandbox.Call, in *api.ListDatabasesInput) (any, error) {
	if err := checkCatalog(c, in.CatalogName); err != nil {
		return nil, err
	}
	out := &api.ListDatabasesOutput{}
	for _, name := range s.databases() {
		out.DatabaseList = append(out.DatabaseList, types.Database{Name: &name})
	}
	return out, nil
}

func (s *service) getTableMetadata(ctx context.Context, c *sandbox.Call, in *api.GetTableMetadataInput) (any, error) {
	if err := checkCatalog(c, in.CatalogName); err != nil {
		return nil, err
	}
	if in.DatabaseName == nil || in.TableName == nil {
		return nil, invalid("DatabaseName and TableName are required")
	}
	for _, t := range s.host.Config.Tables {
		if strings.EqualFold(t.Database, *in.DatabaseName) && strings.EqualFold(t.Name, *in.TableName) {
			m, err := s.describeTable(ctx, c, t)
			return &api.GetTableMetadataOutput{TableMetadata: m}, err
		}
	}
	return nil, notFound("Table " + *in.TableName)
}

func (s *service) listTableMetadata(ctx context.Context, c *sandbox.Call, in *api.ListTableMetadataInput) (any, error) {
	if err := checkCatalog(c, in.CatalogName); err != nil {
		return nil, err
	}
	if in.DatabaseName == nil || !slices.Contains(s.databases(), strings.ToLower(*in.DatabaseName)) {
		return nil, notFound("Database")
	}
	out := &api.ListTableMetadataOutput{}
	for _, t := range s.host.Config.Tables {
		if !strings.EqualFold(t.Database, *in.DatabaseName) {
			continue
		}
		m, err := s.describeTable(ctx, c, t)
		if err != nil {
			return nil, err
		}
		out.TableMetadataList = append(out.TableMetadataList, *m)
	}
	return out, nil
}

// describeTable tells a table's columns, as declared or as its data says.
func (s *service) describeTable(ctx context.Context, c *sandbox.Call, t sandbox.Table) (*types.TableMetadata, error) {
	columns := t.Columns
	if len(columns) == 0 {
		dir, err := s.tempDir()
		if err != nil {
			return nil, err
		}
		defer s.discard(dir)
		q, f := parse(`SELECT * FROM "`+t.Database+`"."`+t.Name+`"`, nil)
		if f != nil {
			return nil, f
		}
		e, err := openEngine(ctx, q, environment{config: s.host.Config, objects: newObjects(s.host, c), principal: c.Principal, region: c.Region, database: t.Database, dir: dir})
		if err != nil {
			return nil, &sandbox.APIError{Status: http.StatusBadRequest, Code: "MetadataException", Message: err.Error()}
		}
		for _, col := range e.cols {
			columns = append(columns, sandbox.Column{Name: col.name, Type: col.typ})
		}
		if err := e.close(); err != nil {
			return nil, err
		}
	}
	m := &types.TableMetadata{Name: &t.Name, TableType: ptr("EXTERNAL_TABLE"), CreateTime: &s.began, Parameters: map[string]string{"classification": t.Format}}
	if t.Location != "" {
		m.Parameters["location"] = t.Location
	}
	for _, col := range columns {
		m.Columns = append(m.Columns, types.Column{Name: &col.Name, Type: ptr(hiveType(col.Type))})
	}
	return m, nil
}

// hiveType is how the catalog spells a type.
func hiveType(athena string) string {
	switch athena {
	case "varchar":
		return "string"
	case "integer":
		return "int"
	case "real":
		return "float"
	case "varbinary":
		return "binary"
	}
	inner := innerTypes(athena)
	switch {
	case strings.HasPrefix(athena, "array("):
		return "array<" + hiveType(inner[0]) + ">"
	case strings.HasPrefix(athena, "map("):
		return "map<" + hiveType(inner[0]) + "," + hiveType(inner[1]) + ">"
	case strings.HasPrefix(athena, "row("):
		fields := make([]string, len(inner))
		for i, f := range inner {
			name, typ := rowField(f)
			fields[i] = name + ":" + hiveType(typ)
		}
		return "struct<" + strings.Join(fields, ",") + ">"
	}
	return athena
}
