package typecheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"waybill/internal/dataset"
	"waybill/runner/engine"
)

// clerk is a job that notes what it is asked.
type clerk struct {
	engine.Job
	asked []string
	fault error
}

func (c *clerk) Attach(_ context.Context, name string, ds dataset.Dataset) (dataset.Schema, error) {
	c.asked = append(c.asked, fmt.Sprintf("attach %s: %s", name, ds.Schema))
	return ds.Schema, c.fault
}

func (c *clerk) Judge(_ context.Context, name, query string, relations []string) (dataset.Schema, error) {
	c.asked = append(c.asked, fmt.Sprintf("judge %s: %s of %s", name, query, relations))
	return dataset.Schema{{Name: "n", Type: "bigint"}}, c.fault
}

func (c *clerk) Vet(_ context.Context, query string, relations []string) error {
	c.asked = append(c.asked, fmt.Sprintf("vet %s of %s", query, relations))
	return c.fault
}

// What was answered is not asked again, and a relation that stands with the
// right columns is not put up again.
func TestDesk(t *testing.T) {
	a, b := dataset.Schema{{Name: "a", Type: "bigint"}}, dataset.Schema{{Name: "a", Type: "varchar"}}
	in := func(columns dataset.Schema) map[string]dataset.Schema {
		return map[string]dataset.Schema{"source.s": columns}
	}
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, d *desk)
		want []string
	}{
		{"the same statement", func(t *testing.T, d *desk) { d.must(t, "q", in(a)); d.must(t, "q", in(a)) },
			[]string{"attach source.s: a bigint", "judge transform.t: q of [source.s]"}},
		{"another statement", func(t *testing.T, d *desk) { d.must(t, "q", in(a)); d.must(t, "r", in(a)) },
			[]string{"attach source.s: a bigint", "judge transform.t: q of [source.s]", "judge transform.t: r of [source.s]"}},
		{"other columns, and back", func(t *testing.T, d *desk) {
			for _, columns := range []dataset.Schema{a, b, a} {
				d.must(t, "q", in(columns))
			}
			d.must(t, "r", in(a))
		}, []string{"attach source.s: a bigint", "judge transform.t: q of [source.s]", "attach source.s: a varchar", "judge transform.t: q of [source.s]",
			"attach source.s: a bigint", "judge transform.t: r of [source.s]"}},
		{"promised before", func(t *testing.T, d *desk) {
			for range 2 {
				if got, err := d.promise(t.Context(), "source.s", a); err != nil || !slices.Equal(got, a) {
					t.Error(got, err)
				}
			}
			d.must(t, "q", in(a))
		}, []string{"attach source.s: a bigint", "judge transform.t: q of [source.s]"}},
		{"a text alone", func(t *testing.T, d *desk) {
			for _, inputs := range [][]string{{"source.s"}, {"source.s"}, {"source.s", "source.t"}, nil} {
				if err := d.vet(t.Context(), "q", inputs); err != nil {
					t.Error(err)
				}
			}
		}, []string{"vet q of [source.s]", "vet q of [source.s source.t]", "vet q of []"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &clerk{}
			tt.do(t, newDesk(c))
			if !slices.Equal(c.asked, tt.want) {
				t.Errorf("asked:\n%q, want\n%q", c.asked, tt.want)
			}
		})
	}
}

// must judges a statement that reads source.s.
func (d *desk) must(t *testing.T, query string, known map[string]dataset.Schema) {
	t.Helper()
	got, err := d.judge(t.Context(), "transform.t", query, []string{"source.s"}, known)
	if err != nil || got.String() != "n bigint" {
		t.Errorf("%s: %v, %v", query, got, err)
	}
}

// A fault is an answer, too; a relation that could not be put up does not stand.
func TestDeskFaults(t *testing.T) {
	fault := errors.New("no")
	c := &clerk{fault: fault}
	d := newDesk(c)
	columns := dataset.Schema{{Name: "a", Type: "bigint"}}
	for range 2 {
		if _, err := d.judge(t.Context(), "transform.t", "q", []string{"source.s"}, map[string]dataset.Schema{"source.s": columns}); !errors.Is(err, fault) {
			t.Error(err)
		}
		if _, err := d.promise(t.Context(), "source.u", columns); !errors.Is(err, fault) {
			t.Error(err)
		}
		if err := d.vet(t.Context(), "q", nil); !errors.Is(err, fault) {
			t.Error(err)
		}
	}
	if len(c.asked) != 3 || len(d.stands) != 0 {
		t.Errorf("asked %q, and %v stand", c.asked, d.stands)
	}
}
