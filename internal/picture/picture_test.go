package picture

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// formats are all ways to draw a picture.
var formats = map[string]func(io.Writer, *Picture) error{
	"svg": SVG, "dot": DOT, "mmd": Mermaid,
	"txt": func(w io.Writer, p *Picture) error { return Text(w, p, Emphasis{}) },
}

func drawn(t testing.TB, format string, p *Picture) string {
	t.Helper()
	var b bytes.Buffer
	if err := formats[format](&b, p); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return b.String()
}

// add adds a node that reads from others, by their IDs, and returns its ID.
func (c *Cluster) add(f Family, kind, name string, from []string, notes ...string) string {
	n := Node{ID: string(f) + "." + name, Name: name, Family: f, Kind: kind, Notes: notes}
	c.Nodes = append(c.Nodes, n)
	for _, id := range from {
		c.Edges = append(c.Edges, Edge{id, n.ID})
	}
	return n.ID
}

// delays is a small pipeline with a node of every family.
func delays() Cluster {
	c := Cluster{ID: "delays", Title: "delays", Notes: []string{"at 06:30 on weekdays, New York time"}}
	flights := c.add(Source, "athena", "flights", nil)
	airports := c.add(Source, "file", "airports", nil)
	by := c.add(Transform, "sql", "by_airport", []string{flights, airports})
	c.add(Check, "row_count", "some", []string{by})
	c.add(Condition, "results", "new", []string{by})
	c.add(Sink, "s3", "birdwatch", []string{by}, "s3://birdwatch-drop", "delays/${run.date}.csv", "as ReportDrop (333333333333)")
	return c
}

// odd has names that mean something in some format.
func odd() *Picture {
	first := Cluster{ID: `a"b\`, Title: `"quotes" <b>&amp; [x] {y} \N \`, Notes: []string{"日本語 %%{init: {}}%%"}, Off: true}
	one := first.add(Source, "s3", "1. \u202eline\nbreak\x00 `$$x$$`", nil)
	two := first.add("wait_for", "", "_x_ **b** style:y\"#35; ]]> -->", nil)
	all := first.add(Transform, "sql", "a name that is so very long that it fits into no box at all", []string{one, two, one})
	first.add(Sink, "s3", "👩‍🚀 end", []string{all}, "s3://bucket", "reports/a/very/long/key/of/which/the/end/matters/too/${run.date}.parquet")
	second := Cluster{ID: `daily["acme"]`, Title: `daily["acme"]`, Notes: []string{"no schedule"}}
	return &Picture{
		Clusters: []Cluster{first, second, delays()},
		Links:    []Edge{{first.ID, second.ID}, {second.ID, "delays"}, {first.ID, "delays"}},
	}
}

// warehouse is a pipeline of 30 nodes.
func warehouse() *Picture {
	c := Cluster{ID: "warehouse", Title: "warehouse", Notes: []string{"every hour, UTC"}}
	var s []string
	for _, name := range []string{"orders", "customers", "regions", "returns", "prices", "fx"} {
		s = append(s, c.add(Source, "athena", name, nil))
	}
	orders := c.add(Transform, "sql", "clean_orders", s[:1])
	customers := c.add(Transform, "select", "clean_customers", s[1:2])
	private := c.add(Transform, "mask", "private_customers", []string{customers})
	enriched := c.add(Transform, "sql", "orders_enriched", []string{orders, private, s[2]})
	returns := c.add(Transform, "sql", "net_returns", []string{s[3], orders})
	priced := c.add(Transform, "sql", "priced", []string{enriched, s[4], s[5]})
	totals := c.add(Transform, "sql", "totals_by_region_and_day", []string{priced, returns})
	top := c.add(Transform, "sql", "top_customers", []string{priced, private})
	for i, from := range []string{orders, customers, private, totals, top} {
		c.add(Check, "row_count", fmt.Sprintf("some_%d", i), []string{from})
	}
	c.add(Condition, "results", "changed", []string{totals})
	c.add(Condition, "sql", "big_enough", []string{top})
	for i, from := range []string{totals, totals, totals, top, top, priced, returns, private} {
		c.add(Sink, "s3", fmt.Sprintf("partner_%d", i), []string{from}, "s3://partner-inbox", "reports/${run.date}/report.parquet")
	}
	c.add(Sink, "file", "local_copy", []string{totals, s[2]}, "out/${run.date}.csv")
	return &Picture{Clusters: []Cluster{c}}
}

// fan is one transform with many sinks.
func fan(sinks int) *Picture {
	c := Cluster{ID: "fan", Title: "fan"}
	by := c.add(Transform, "sql", "by_region", []string{c.add(Source, "athena", "orders", nil)})
	c.add(Check, "row_count", "some", []string{by})
	for i := range sinks {
		c.add(Sink, "s3", fmt.Sprintf("partner[%q]", fmt.Sprint("p", i)), []string{by}, "s3://partner-inbox", fmt.Sprintf("p%d/report.csv", i))
	}
	return &Picture{Clusters: []Cluster{c}}
}

// The files below testdata are what each format looks like; UPDATE_GOLDEN=1
// writes them anew.
func TestGolden(t *testing.T) {
	pictures := map[string]*Picture{
		"delays": {Clusters: []Cluster{delays()}}, "odd": odd(), "warehouse": warehouse(), "fan": fan(12), "empty": {},
	}
	for name, p := range pictures {
		for format := range formats {
			t.Run(name+"."+format, func(t *testing.T) {
				got := drawn(t, format, p)
				file := filepath.Join("testdata", name+"."+format)
				if os.Getenv("UPDATE_GOLDEN") != "" {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("(-golden +got):\n%s", diff)
				}
			})
		}
	}
}

func TestWrongPicturesAreRefused(t *testing.T) {
	node := func(id string) Node { return Node{ID: id} }
	for _, tt := range []struct {
		name, want string
		p          Picture
	}{
		{"two nodes of one ID", `two nodes have the ID "a"`, Picture{Clusters: []Cluster{{ID: "c", Nodes: []Node{node("a"), node("a")}}}}},
		{"two clusters of one ID", `two clusters have the ID "c"`, Picture{Clusters: []Cluster{{ID: "c"}, {ID: "c"}}}},
		{"an edge from nowhere", `begins at the node "b"`, Picture{Clusters: []Cluster{{ID: "c", Nodes: []Node{node("a")}, Edges: []Edge{{"b", "a"}}}}}},
		{"an edge to nowhere", `ends at the node "b"`, Picture{Clusters: []Cluster{{ID: "c", Nodes: []Node{node("a")}, Edges: []Edge{{"a", "b"}}}}}},
		{"a circle", "circle", Picture{Clusters: []Cluster{{ID: "c", Nodes: []Node{node("a"), node("b")}, Edges: []Edge{{"a", "b"}, {"b", "a"}}}}}},
		{"a loop", "circle", Picture{Clusters: []Cluster{{ID: "c", Nodes: []Node{node("a")}, Edges: []Edge{{"a", "a"}}}}}},
		{"a circle of clusters", "circle", Picture{Clusters: []Cluster{{ID: "c"}, {ID: "d"}}, Links: []Edge{{"c", "d"}, {"d", "c"}}}},
		{"a link to nowhere", `ends at the cluster "x"`, Picture{Clusters: []Cluster{{ID: "c"}}, Links: []Edge{{"c", "x"}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for format, draw := range formats {
				var b bytes.Buffer
				if err := draw(&b, &tt.p); err == nil || !strings.Contains(err.Error(), tt.want) || b.Len() > 0 {
					t.Errorf("%s: error %v and %d bytes, want %q and none", format, err, b.Len(), tt.want)
				}
			}
		})
	}
}

func TestEmphasisDoesNotMoveColumns(t *testing.T) {
	p := odd()
	var plain, marked bytes.Buffer
	if err := Text(&plain, p, Emphasis{}); err != nil {
		t.Fatal(err)
	}
	mark := func(s string) string { return "\x1b[2m" + s + "\x1b[0m" }
	if err := Text(&marked, p, Emphasis{Strong: mark, Faint: mark}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(marked.String(), "\x1b[2m") {
		t.Error("nothing is marked")
	}
	if got := strings.NewReplacer("\x1b[2m", "", "\x1b[0m", "").Replace(marked.String()); got != plain.String() {
		t.Errorf("got\n%s\nwant\n%s", got, plain.String())
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWriterErrorsAreReturned(t *testing.T) {
	for format, draw := range formats {
		if err := draw(brokenWriter{}, warehouse()); err != io.ErrClosedPipe { //nolint:errorlint // the very error
			t.Errorf("%s: %v", format, err)
		}
	}
}
