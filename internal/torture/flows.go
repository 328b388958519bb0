package main

import (
	"crypto/md5"
	"embed"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"waybill/internal/torture/check"
)

//go:embed flows/*.hcl
var fixtures embed.FS

// sandboxFile declares the accounts and tables that all flows use.
const sandboxFile = "aws.sandbox.hcl"

// A flow is a pipeline that is tortured: flows/NAME.hcl, with one pipeline
// NAME. {trial} in a key stands for the value of the variable trial.
type flow struct {
	name      string
	wants     []check.Want
	plain     bool // S3 and nothing else: works with any S3
	scheduled bool // a daemon fires it; has the variable trial
}

// flows is where another one is added: a line here and its fixture.
func flows() []flow {
	return []flow{
		{name: "single", plain: true, wants: []check.Want{orders("sink.own", "own-inbox", "single/{date}")}},
		{name: "parts", plain: true, wants: []check.Want{many("sink.own", "own-inbox", "parts/{date}")}},
		{name: "athena", wants: []check.Want{orders("sink.acme", "acme-inbox", "athena/{date}")}},
		{name: "partners", wants: []check.Want{many("sink.acme", "acme-inbox", "partners/{date}"), totals("sink.birdwatch", "birdwatch-drop", "partners/{date}")}},
		{name: "scheduled", plain: true, scheduled: true, wants: []check.Want{orders("sink.own", "own-inbox", "scheduled/{trial}/{minute}")}},
	}
}

// An order is a row of the source data, data/orders.csv.
type order struct {
	id     int
	region string
	amount int
}

// allOrders is the source data; what has to arrive is computed from it here,
// without the engine.
func allOrders() []order {
	regions := []string{"EU", "US", "APAC", "Südamerika"}
	out := make([]order, 200)
	for i := range out {
		out[i] = order{i + 1, regions[i*7%len(regions)], i * i % 997}
	}
	return out
}

func (o order) line() string { return fmt.Sprintf("%d,%s,%d", o.id, o.region, o.amount) }

func orders(sink, bucket, prefix string) check.Want {
	w := check.Want{Sink: sink, Bucket: bucket, Prefix: prefix, Header: "id,region,amount"}
	for _, o := range allOrders() {
		w.Rows = append(w.Rows, o.line())
	}
	return w
}

func totals(sink, bucket, prefix string) check.Want {
	count, sum := map[string]int{}, map[string]int{}
	for _, o := range allOrders() {
		count[o.region]++
		sum[o.region] += o.amount
	}
	w := check.Want{Sink: sink, Bucket: bucket, Prefix: prefix, Header: "region,orders,amount"}
	for region, n := range count {
		w.Rows = append(w.Rows, fmt.Sprintf("%s,%d,%d", region, n, sum[region]))
	}
	slices.Sort(w.Rows)
	return w
}

// many is large enough to go up in parts: see flows/parts.hcl.
func many(sink, bucket, prefix string) check.Want {
	return check.Want{Sink: sink, Bucket: bucket, Prefix: prefix, Header: "id,n,digest", Rows: manyRows()}
}

var manyRows = sync.OnceValue(func() (rows []string) {
	for id := 1; id <= 3; id++ {
		for n := range 140_000 {
			sum := md5.Sum([]byte(strconv.Itoa(id) + "-" + strconv.Itoa(n)))
			rows = append(rows, fmt.Sprintf("%d,%d,%s", id, n, hex.EncodeToString(sum[:])))
		}
	}
	return rows
})

// write makes the flow's project in a directory.
func (f flow) write(dir string) error {
	return writeProject(dir, f.name+".hcl")
}

func writeProject(dir, fixture string) error {
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
		return err
	}
	text, err := fixtures.ReadFile("flows/" + fixture)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, fixture), text, 0o600); err != nil {
		return err
	}
	lines := []string{"id,region,amount"}
	for _, o := range allOrders() {
		lines = append(lines, o.line())
	}
	return os.WriteFile(filepath.Join(dir, "data", "orders.csv"), []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

// wantsOf fills in the trial's name.
func (f flow) wantsOf(trial string) []check.Want {
	out := slices.Clone(f.wants)
	for i := range out {
		for _, key := range []*string{&out[i].Prefix, &out[i].Manifest, &out[i].Success} {
			*key = strings.ReplaceAll(*key, "{trial}", trial)
		}
	}
	return out
}
