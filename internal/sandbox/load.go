package sandbox

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"waybill/internal/budget"
	"waybill/internal/diag"
	"waybill/internal/schema"
)

// FileSuffix is how the names of sandbox files end.
const FileSuffix = ".sandbox.hcl"

// Load reads every sandbox file below dir as one configuration. Diagnostics
// name files relative to dir. Files and directories whose name begins with a
// dot are left out, as in the rest of a project.
func Load(dir string) (*Config, hcl.Diagnostics) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, hcl.Diagnostics{unreadable(dir, err)}
	}
	names, err := sandboxFiles(root)
	if err != nil {
		return nil, hcl.Diagnostics{unreadable(dir, err)}
	}
	if len(names) == 0 {
		return nil, hcl.Diagnostics{{Severity: hcl.DiagError, Extra: diag.Code("sandbox-not-declared"),
			Summary: fmt.Sprintf("no file below %s is called *%s", dir, FileSuffix),
			Detail:  "Declare at least one user in such a file, for example:\n" + userBlock().Example}}
	}
	l := &loader{config: &Config{Dir: root, Region: DefaultRegion}, meter: budget.New(0), seen: map[string]hcl.Range{}}
	for _, name := range names {
		l.file(name)
	}
	l.finish()
	return l.config, diag.Sort(l.diags)
}

func unreadable(dir string, err error) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Extra: diag.Code("file-not-readable"), Summary: "cannot read " + dir, Detail: err.Error()}
}

func sandboxFiles(root string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != root && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return filepath.SkipDir
			}
		case !d.IsDir() && strings.HasSuffix(d.Name(), FileSuffix):
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			names = append(names, rel)
		}
		return nil
	})
	return names, err
}

type loader struct {
	config *Config
	meter  *budget.Meter
	diags  hcl.Diagnostics
	seen   map[string]hcl.Range // what is declared, by kind and name
}

func (l *loader) add(diags ...*hcl.Diagnostic) { l.diags = append(l.diags, diags...) }

func (l *loader) file(name string) {
	src, err := os.ReadFile(filepath.Join(l.config.Dir, name))
	if err != nil {
		l.add(unreadable(name, err))
		return
	}
	f, diags := budget.Parse(src, name)
	l.add(diags...)
	if f == nil || f.Body == nil {
		return
	}
	var out fileValues
	values, diags := schema.Decode(f.Body, fileBlock(), l.scope(), &out)
	l.add(diags...)
	l.collect(out, values)
}

// scope gives sandbox files the functions that policies are written with.
func (l *loader) scope() *schema.Scope {
	fns := map[string]function.Function{
		"concat": stdlib.ConcatFunc, "format": stdlib.FormatFunc, "join": stdlib.JoinFunc,
		"jsondecode": stdlib.JSONDecodeFunc, "jsonencode": stdlib.JSONEncodeFunc,
		"merge": stdlib.MergeFunc, "range": stdlib.RangeFunc, "file": fileFunc(l.config.Dir),
	}
	maps.Copy(fns, l.meter.Functions())
	name, known := l.meter.Value()
	return &schema.Scope{Eval: &hcl.EvalContext{Variables: map[string]cty.Value{name: known}, Functions: fns}}
}

// fileFunc reads a file of the project, so that a policy may stand in a file of
// its own.
func fileFunc(dir string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			root, err := os.OpenRoot(dir)
			if err != nil {
				return cty.NilVal, err
			}
			defer root.Close()
			text, err := root.ReadFile(filepath.FromSlash(args[0].AsString()))
			if err != nil {
				return cty.NilVal, err
			}
			return cty.StringVal(string(text)), nil
		},
	})
}

// What the blocks decode into.
type (
	fileValues struct {
		Settings   *settingsValues   `wb:"sandbox"`
		Users      []userValues      `wb:"user"`
		Roles      []roleValues      `wb:"role"`
		Buckets    []bucketValues    `wb:"bucket"`
		Tables     []tableValues     `wb:"table"`
		Workgroups []workgroupValues `wb:"workgroup"`

		OIDCProviders []oidcValues      `wb:"oidc_provider"`
		Secrets       []secretValues    `wb:"secret"`
		Parameters    []parameterValues `wb:"parameter"`
	}
	settingsValues struct {
		Region string `wb:"region"`
	}
	userValues struct {
		Name        string            `wb:",label"`
		Account     string            `wb:"account"`
		AccessKeyID string            `wb:"access_key_id"`
		SecretKey   string            `wb:"secret_access_key"`
		Default     bool              `wb:"default"`
		Policy      string            `wb:"policy"`
		Statements  []statementValues `wb:"statement"`
	}
	roleValues struct {
		Name        string            `wb:",label"`
		Account     string            `wb:"account"`
		TrustPolicy string            `wb:"trust_policy"`
		MaxSession  time.Duration     `wb:"max_session_duration"`
		ExpireAfter time.Duration     `wb:"expire_after"`
		Policy      string            `wb:"policy"`
		Trust       []trustValues     `wb:"trust"`
		Statements  []statementValues `wb:"statement"`
	}
	trustValues struct {
		Principals []string `wb:"principals"`
		ExternalID string   `wb:"external_id"`
	}
	statementValues struct {
		Effect     string            `wb:"effect"`
		Actions    []string          `wb:"actions"`
		Resources  []string          `wb:"resources"`
		Conditions []conditionValues `wb:"condition"`
	}
	conditionValues struct {
		Test     string   `wb:"test"`
		Variable string   `wb:"variable"`
		Values   []string `wb:"values"`
	}
	bucketValues struct {
		Name    string `wb:",label"`
		Account string `wb:"account"`
		Region  string `wb:"region"`
		Policy  string `wb:"policy"`
	}
	tableValues struct {
		Name     string   `wb:",label"`
		Files    []string `wb:"files"`
		Location string   `wb:"location"`
		Format   string   `wb:"format"`
		Columns  []string `wb:"columns"`
		Header   bool     `wb:"header"`
	}
	workgroupValues struct {
		Name                string `wb:",label"`
		OutputLocation      string `wb:"output_location"`
		Enforce             bool   `wb:"enforce"`
		ManagedResults      bool   `wb:"managed_results"`
		BytesScannedCutoff  int64  `wb:"bytes_scanned_cutoff"`
		ConcurrentQueries   int    `wb:"concurrent_queries"`
		ExpectedBucketOwner string `wb:"expected_bucket_owner"`
	}
)

// finish fills in what depends on all files together.
func (l *loader) finish() {
	c := l.config
	for i := range c.Buckets {
		if c.Buckets[i].Region == "" {
			c.Buckets[i].Region = c.Region
		}
	}
	for i := range c.Secrets {
		if c.Secrets[i].Region == "" {
			c.Secrets[i].Region = c.Region
		}
	}
	for i := range c.Parameters {
		if c.Parameters[i].Region == "" {
			c.Parameters[i].Region = c.Region
		}
	}
	if _, ok := l.seen["workgroup "+DefaultWorkgroup]; !ok {
		c.Workgroups = append(c.Workgroups, Workgroup{Name: DefaultWorkgroup})
	}
	if len(c.Users) == 0 && !l.diags.HasErrors() {
		l.add(&hcl.Diagnostic{Severity: hcl.DiagError, Extra: diag.Code("missing-block"), Summary: "the sandbox has no user",
			Detail: "Somebody must be able to sign requests. Write:\n" + userBlock().Example})
	}
	l.checkReferences()
}

// derivedKey makes an access key from who it belongs to, so that it is the same
// on every machine and at every start.
func derivedKey(account, name string) (id, secretKey string) {
	a := sha256.Sum256([]byte("id " + account + "/" + name))
	b := sha256.Sum256([]byte("secret " + account + "/" + name))
	return "AKIA" + base32.StdEncoding.EncodeToString(a[:])[:16], base64.StdEncoding.EncodeToString(b[:])[:40]
}
