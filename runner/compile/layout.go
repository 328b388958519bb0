package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/internal/schema"
	"waybill/runner/encode"
	"waybill/runner/schedule"
	"waybill/sinks"
)

// The attributes that say how a delivery is laid out.
var (
	maxFileRowsAttr = schema.Attr{Name: "max_file_rows", Type: schema.Int, Example: "1000000",
		Doc: "How many rows a file has: exactly so many, but for the last one of each partition. The name must then use file.number, seven digits from 0000001 on, which begins anew in each partition. A delivery has 10,000 files at most."}
	maxFileSizeAttr = schema.Attr{Name: "max_file_size", Type: schema.Size, Example: `"512MiB"`,
		Doc: "Ceiling of a finished file, compression included. No file is larger, unless it has a single row that is; most are a little smaller, since rows differ. The name must use file.number. With max_file_rows too, a file ends where the first of both is reached."}
	partitionByAttr = schema.Attr{Name: "partition_by", Type: schema.Strings, Example: `["region"]`,
		Doc: "Columns whose values lead to files of their own. The name must use file.partition, which is written as Hive, Spark and Athena do: \"region=EU/\" with the slash, special characters as %XX, NULL and the empty text as __HIVE_DEFAULT_PARTITION__. The files do not hold these columns: readers take them from the name. Lists, maps, rows, JSON, binary and floating-point columns cannot partition."}
	successKeyAttr = schema.Attr{Name: "success_key", Type: schema.String, Late: true, Example: `"reports/${run.date}/_SUCCESS"`,
		Doc: "Name of an empty file that is written when all others are there. When a slot is delivered again it is removed first, so that it never stands over files that are half replaced; on S3 that takes s3:DeleteObject."}
	manifestKeyAttr = schema.Attr{Name: "manifest_key", Type: schema.String, Late: true, Example: `"reports/${run.date}/manifest.json"`,
		Doc: "Name of a JSON file that lists the delivery's files with names, sizes, SHA-256 and rows, and their columns. It is written after them."}
	ifExistsAttr = schema.Attr{Name: "if_exists", Type: schema.String, Default: sinks.Replace, OneOf: []string{sinks.Replace, sinks.Fail, sinks.Skip}, Example: `"fail"`,
		Doc: "What happens if files of these names are there: replace them; fail before anything is written (on S3 also if one appears meanwhile), unless they are this delivery's own; or skip the delivery if the first one is there. The last two look into the bucket: s3:GetObject and s3:ListBucket."}
)

// The attributes that say which rows are delivered.
var (
	modeAttr = schema.Attr{Name: "mode", Type: schema.String, Default: "full", OneOf: []string{"full", "diff"}, Example: `"diff"`,
		Doc: "Which rows are delivered: all, or those that were added, changed or removed since the sink last delivered, with that word in a last column _change. The first delivery has all rows as added. A removed row has the values it had. The rows of the last delivery are kept in the data directory."}
	keyColumnsAttr = schema.Attr{Name: "key_columns", Type: schema.Strings, Example: `["id"]`,
		Doc: "Columns by which mode = \"diff\" tells rows apart. Together they are unique: if a key occurs twice, the run fails before anything is delivered."}
)

// markers are the attributes that name one more file each.
var markers = []string{"success_key", "manifest_key"}

// numbered and partitioned report whether a sink may write several files.
func (r *read) numbered() bool {
	return r.values.Set("max_file_rows") || r.values.Set("max_file_size")
}
func (r *read) partitioned() bool { return r.values.Set("partition_by") }

// checkLayout looks at how a sink's files are cut and named.
func checkLayout(r *read, targetAttr string) hcl.Diagnostics {
	diags := checkFileUses(r, targetAttr)
	report := func(attr, summary, detail string) {
		diags = append(diags, r.values.Error(attr, "invalid-value", summary, detail))
	}
	if r.values.Known("max_file_rows") && r.common.MaxFileRows < 1 {
		report("max_file_rows", fmt.Sprintf("max_file_rows is %d", r.common.MaxFileRows), "A file has one row at least. Without a limit, leave the attribute out.")
	}
	if r.values.Known("max_file_size") && r.common.MaxFileSize < 1 {
		report("max_file_size", "max_file_size is 0", "Without a limit, leave the attribute out.")
	}
	if r.values.Known("partition_by") {
		if fault := listFault(r.common.PartitionBy); fault != "" {
			report("partition_by", "partition_by "+fault, "Name each column once, or leave the attribute out.")
		}
	}
	if r.values.Known("order_by") && slices.ContainsFunc(r.common.OrderBy, func(term string) bool { return strings.TrimSpace(term) == "" }) {
		report("order_by", "order_by has an empty name", "Name a column, or leave the attribute out.")
	}
	diags = append(diags, checkMode(r)...)
	return append(diags, checkNeeds(r)...)
}

// checkMode looks at mode and what belongs to it.
func checkMode(r *read) hcl.Diagnostics {
	v := r.values
	switch keys := v.Set("key_columns"); {
	case !v.Known("mode"):
		return nil
	case r.common.Mode == "diff" && !keys:
		return hcl.Diagnostics{v.Error("mode", "missing-attribute", `mode = "diff" needs key_columns`, "Name the columns that tell rows apart, such as key_columns = [\"id\"].")}
	case r.common.Mode != "diff" && keys:
		return hcl.Diagnostics{v.Error("key_columns", "invalid-value", `key_columns belongs to mode = "diff"`, `Set mode = "diff", or take key_columns away.`)}
	case keys && v.Known("key_columns"):
		if fault := listFault(r.common.KeyColumns); fault != "" {
			return hcl.Diagnostics{v.Error("key_columns", "invalid-value", "key_columns "+fault, "Name each column once.")}
		}
	}
	return nil
}

// checkFileUses makes sure that a name uses what tells the sink's files apart,
// and nothing else.
func checkFileUses(r *read, targetAttr string) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, v := range []struct {
		name, by string
		wanted   bool
	}{{"number", "max_file_rows or max_file_size", r.numbered()}, {"partition", "partition_by", r.partitioned()}} {
		uses := r.target.Uses("file", v.name)
		switch {
		case uses && !v.wanted:
			diags = append(diags, r.target.Explain(diag.Error("invalid-value", r.target.Range(), fmt.Sprintf("%s uses file.%s, but the sink has no %s", targetAttr, v.name, v.by),
				fmt.Sprintf("Take ${file.%s} out of %s, or set %s.", v.name, targetAttr, v.by))))
		case !uses && v.wanted:
			diags = append(diags, r.target.Explain(diag.Error("invalid-value", r.target.Range(), fmt.Sprintf("%s does not use file.%s, but the sink has %s", targetAttr, v.name, v.by),
				fmt.Sprintf("Files of the same name would replace each other. Put ${file.%s} into %s.", v.name, targetAttr))))
		}
		for _, marker := range markers {
			if e := r.values.Late(marker); !e.IsZero() && e.Uses("file", v.name) {
				diags = append(diags, e.Explain(diag.Error("invalid-value", e.Range(), fmt.Sprintf("%s uses file.%s", marker, v.name), "There is one such file in a delivery. Take it out.")))
			}
		}
	}
	return diags
}

func listFault(names []string) string {
	if len(names) == 0 {
		return "is empty"
	}
	seen := map[string]bool{}
	for _, n := range names {
		if key := strings.ToLower(n); seen[key] {
			return fmt.Sprintf("names %q twice", n)
		} else {
			seen[key] = true
		}
		if n == "" {
			return "has an empty name"
		}
	}
	return ""
}

// actor is what a sink's configuration offers if it needs permissions.
type actor interface{ Actions(sinks.Use) []string }

// use is what a sink's block asks of its kind.
func (r *read) use() sinks.Use {
	return sinks.Use{IfExists: r.common.IfExists, Several: r.numbered() || r.partitioned(), Success: r.values.Set("success_key")}
}

// checkNeeds warns where a delivery needs more than partners usually grant.
func checkNeeds(r *read) hcl.Diagnostics {
	a, ok := r.sink.Config.(actor)
	if !ok || !r.values.Set("success_key") || !slices.Contains(a.Actions(r.use()), "s3:DeleteObject") {
		return nil
	}
	e := r.values.Late("success_key")
	return hcl.Diagnostics{e.Explain(diag.Warning("needs-permission", e.Range(), "success_key needs s3:DeleteObject when a slot is delivered again",
		"The success file of the earlier delivery is removed before its files are replaced. Without the permission the first delivery of a slot succeeds, and a second one fails before it replaces anything."))}
}

// checkSerial refuses differences in a pipeline whose runs may overlap: each
// leads from one delivery to the next.
func checkSerial(r *read, p *Pipeline) hcl.Diagnostics {
	if r.common.Mode != "diff" || !slices.ContainsFunc(p.Triggers, func(t schedule.Trigger) bool { return t.Overlap == schedule.OverlapAllow }) {
		return nil
	}
	return hcl.Diagnostics{r.values.Error("mode", "conflicting-attributes", fmt.Sprintf(`mode = "diff" of %s does not go with overlap = "allow"`, r.step.Address),
		`Differences lead from one delivery to the next, so the pipeline's runs must not go side by side. Set overlap = "queue" in its schedules.`)}
}

// A namedFile is one of the names that a sink can write.
type namedFile struct {
	attr string // that it comes from
	name string
	rng  hcl.Range
	told string // which of the sink's files it is, for messages
}

// sampleFiles evaluates names of a sink's files for several numbers and
// partitions, as far as they are known.
func (r *read) sampleFiles(targetAttr string, scope *schema.Scope) ([]namedFile, hcl.Diagnostics) {
	numbers, partitions := []string{""}, []string{""}
	if r.numbered() {
		numbers = []string{fileNumber(1), fileNumber(2), fileNumber(10), fileNumber(1000)}
	}
	if r.partitioned() {
		partitions = nil
		for _, v := range []string{"a", "b", "A"} {
			values := make([]*string, len(r.common.PartitionBy))
			for i := range values {
				values[i] = &v
			}
			partitions = append(partitions, encode.PartitionDir(r.common.PartitionBy, values))
		}
	}
	var out []namedFile
	var diags hcl.Diagnostics
	add := func(attr string, e schema.Expr, number, partition string) {
		name, known, d := e.In(scope).Eval(number, partition)
		if diags = append(diags, d...); known {
			out = append(out, namedFile{attr, name, e.Range(), strings.TrimSpace(strings.TrimSuffix(partition, "/") + " " + number)})
		}
	}
	for _, p := range partitions {
		for _, n := range numbers {
			if !diags.HasErrors() {
				add(targetAttr, r.target, n, p)
			}
		}
	}
	for _, marker := range markers {
		if e := r.values.Late(marker); !e.IsZero() {
			add(marker, e, "", "")
		}
	}
	return out, diags
}

// fileNumber is file.number of a file.
func fileNumber(n int) string { return fmt.Sprintf("%07d", n) }

// FileName is the name of one file of the sink of that address: its number
// within its partition, from 1, and the partition as in "region=EU/".
func (b *Bound) FileName(address string, number int, partition string) (string, error) {
	return lateText(b.steps[address].target, address, fileNumber(number), partition)
}

// lateText evaluates a name that must be known now; an absent one is empty.
func lateText(e schema.Expr, address, number, partition string) (string, error) {
	if e.IsZero() {
		return "", nil
	}
	name, known, diags := e.Eval(number, partition)
	if diags.HasErrors() {
		return "", asProblem(diags)
	}
	if !known {
		return "", problem.New("unset-variable", fmt.Sprintf("the name of the file that %s writes depends on an environment variable that is not set", address), nil)
	}
	return name, nil
}

// Actions lists the permissions that the sink of that address needs, such as
// "s3:PutObject"; nil for a kind that needs none.
func (b *Bound) Actions(address string) []string {
	r := b.steps[address]
	if a, ok := r.sink.Config.(actor); ok {
		return a.Actions(r.use())
	}
	return nil
}
