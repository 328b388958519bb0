package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/runner/compile"
	"waybill/runner/encode"
	"waybill/runner/engine"
	"waybill/runner/transform"
)

// A delivered is the memory of a sink that delivers differences: the rows as
// they were when it last delivered, in a Parquet file below Runner.Baselines,
// and those before that, so that the same slot can be delivered again. The
// store keeps it as the digest of the sink's baseline.
type delivered struct {
	Slot   time.Time    `json:"slot"`
	Rows   baselineFile `json:"rows"`
	Before baselineFile `json:"before,omitzero"` // zero: there was no delivery before
}

// A baselineFile is a file of rows. It never changes.
type baselineFile struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// frozenDiff is what a sink's step records of a diff that it froze.
type frozenDiff struct {
	Rows  baselineFile `json:"rows"`           // to be kept once they are delivered
	Since baselineFile `json:"since,omitzero"` // that they were compared with; zero: with nothing
	Size  int64        `json:"size,omitempty"` // of the file of Rows, bytes
}

// Names of the relations that a diff is made of, after the sink's address.
const nowRelation, beforeRelation, keysRelation, diffRelation = ":now", ":before", ":keys", ":diff"

// diff makes a relation of how a sink's input differs from what it last
// delivered, and returns its name. The input's rows are frozen first: what is
// kept of them must be what was compared.
func (e *execution) diff(ctx context.Context, job engine.Job, s *compile.Step, out compile.Output) (string, *frozenDiff, error) {
	since, err := e.since(ctx, s)
	if err != nil {
		return "", nil, err
	}
	columns, result, err := e.freezeNow(ctx, job, s, out)
	if err != nil {
		return "", nil, err
	}
	result.Since = since
	now, relations := s.Address+nowRelation, []string{s.Address + nowRelation}
	query := transform.AllAdded(now)
	if since != (baselineFile{}) {
		relations = append(relations, s.Address+beforeRelation)
		if query, err = e.attachBefore(ctx, job, s, out, columns, since); err != nil {
			return "", nil, err
		}
	}
	_, err = job.Define(ctx, s.Address+diffRelation, query, relations)
	return s.Address + diffRelation, result, err
}

// since is the file of rows that a sink's rows are compared with in this slot.
func (e *execution) since(ctx context.Context, s *compile.Step) (baselineFile, error) {
	last, err := e.lastDelivered(ctx, s.Address)
	switch {
	case err != nil:
		return baselineFile{}, err
	case last.Slot.After(e.run.Slot):
		p := problem.New("diff-out-of-order", fmt.Sprintf("%s has delivered the slot %s, and cannot tell what had changed by %s", s.Address, last.Slot.Format(time.RFC3339), e.run.Slot.Format(time.RFC3339)), nil)
		return baselineFile{}, p
	case last.Slot.Equal(e.run.Slot):
		return last.Before, nil
	}
	return last.Rows, nil
}

func (e *execution) lastDelivered(ctx context.Context, address string) (delivered, error) {
	b, err := e.Store.Baseline(ctx, e.run.Pipeline, address)
	if err != nil || b.Delivered == "" {
		return delivered{}, err
	}
	var out delivered
	return out, decode([]byte(b.Delivered), &out)
}

// freezeNow writes the input's rows to the file that is kept when they are
// delivered, and reads them from there. It refuses keys that are not unique.
func (e *execution) freezeNow(ctx context.Context, job engine.Job, s *compile.Step, out compile.Output) (dataset.Schema, *frozenDiff, error) {
	dir := e.diffDir(s.Address)
	done, err := job.ExportFiles(ctx, engine.ExportFiles{Relation: out.Input, Dir: dir, Format: encode.Default(encode.Parquet), OrderBy: out.KeyColumns})
	if p := problem.As(err); p != nil && p.Code == "column-not-found" {
		named := *p
		named.Summary = strings.Replace(p.Summary, "order_by: ", "key_columns: ", 1)
		return nil, nil, &named
	}
	if err != nil {
		return nil, nil, err
	}
	if at := done.Schema.Index(transform.ChangeColumn); at >= 0 {
		p := problem.New("column-unsuitable", fmt.Sprintf("%s has a column %q, which %s adds", out.Input, done.Schema[at].Name, s.Address), nil)
		p.Cause = `A sink with mode = "diff" says in this column what happened to each row.`
		return nil, nil, p
	}
	f := done.Files[0]
	ds := dataset.Dataset{Dir: dir, Format: dataset.Parquet, Schema: done.Schema, Rows: f.Rows, Files: []dataset.File{{Name: f.Name, Size: f.Size, Rows: f.Rows}}}
	if _, err := job.Attach(ctx, s.Address+nowRelation, ds); err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256([]byte(s.Address))
	kept := baselineFile{Name: fmt.Sprintf("%s-%s-%s.parquet", f.SHA256, e.run.ID, hex.EncodeToString(sum[:4])), SHA256: f.SHA256}
	return done.Schema, &frozenDiff{Rows: kept, Size: f.Size}, e.uniqueKeys(ctx, job, s, out)
}

// diffDir holds the rows that a diff is made of.
func (e *execution) diffDir(address string) string { return filepath.Join(e.dir(address), "diff") }

func (e *execution) uniqueKeys(ctx context.Context, job engine.Job, s *compile.Step, out compile.Output) error {
	now, keys := s.Address+nowRelation, s.Address+keysRelation
	if _, err := job.Define(ctx, keys, transform.DuplicateKeys(now, out.KeyColumns), []string{now}); err != nil {
		return err
	}
	n, err := job.Count(ctx, keys)
	if err != nil || n == 0 {
		return err
	}
	many := fmt.Sprintf("%d keys occur", n)
	if n == 1 {
		many = "one key occurs"
	}
	return problem.New("duplicate-keys", fmt.Sprintf("%s more than once in %s, whose rows %s tells apart by %s", many, out.Input, s.Address, strings.Join(out.KeyColumns, ", ")), nil)
}

// attachBefore makes the rows of the last delivery readable and returns the
// statement that compares with them.
func (e *execution) attachBefore(ctx context.Context, job engine.Job, s *compile.Step, out compile.Output, columns dataset.Schema, since baselineFile) (string, error) {
	const name = "before.parquet"
	if err := copyVerified(filepath.Join(e.Baselines, since.Name), filepath.Join(e.diffDir(s.Address), name), since.SHA256); err != nil {
		return "", baselineMissing(s, err)
	}
	ds := dataset.Dataset{Dir: e.diffDir(s.Address), Format: dataset.Parquet, Rows: -1, Files: []dataset.File{{Name: name, Rows: -1}}}
	had, err := job.Attach(ctx, s.Address+beforeRelation, ds)
	if err != nil {
		return "", err
	}
	for _, k := range out.KeyColumns {
		if had.Index(k) < 0 {
			p := problem.New("column-unsuitable", fmt.Sprintf("key_columns: the rows that %s last delivered have no column %q", s.Address, k), nil)
			p.Cause = "Rows of two deliveries are compared by columns that both have."
			p.Remedy = []string{"Give the sink another name: it then begins anew, with all rows added."}
			return "", p
		}
	}
	return transform.Diff(s.Address+nowRelation, s.Address+beforeRelation, columns, had, out.KeyColumns)
}

func baselineMissing(s *compile.Step, err error) error {
	if isNoSpace(err) {
		return diskProblem(err) // of the copy: the baseline is as it was
	}
	return problem.New("baseline-missing", fmt.Sprintf("the rows that %s last delivered cannot be read", s.Address), err)
}

// unchanged makes sure that nobody has delivered since a diff was frozen: it
// would no longer lead from what the receiver has.
func (e *execution) unchanged(ctx context.Context, s *compile.Step, result sinkResult) error {
	if result.Diff == nil {
		return nil
	}
	last, err := e.lastDelivered(ctx, s.Address)
	if err != nil {
		return err
	}
	if since, err := e.since(ctx, s); err != nil || since == result.Diff.Since || last.Rows == result.Diff.Rows {
		return err
	}
	return problem.New("diff-outdated", fmt.Sprintf("another run has delivered %s since this one computed its differences", s.Address), nil)
}

// keep makes the rows that a sink has delivered those that its next delivery
// is compared with. It may be repeated: a run that goes on after a crash does.
func (e *execution) keep(ctx context.Context, s *compile.Step, result sinkResult) error {
	if result.Diff == nil {
		return nil
	}
	last, err := e.lastDelivered(ctx, s.Address)
	if err != nil || last.Rows == result.Diff.Rows {
		return err
	}
	if err := ensureDir(e.Baselines); err != nil {
		return err
	}
	rows := result.Diff.Rows
	if err := copyVerified(filepath.Join(e.diffDir(s.Address), "part-0000001.parquet"), filepath.Join(e.Baselines, rows.Name), rows.SHA256); err != nil {
		return baselineMissing(s, err)
	}
	text, err := json.Marshal(delivered{Slot: e.run.Slot.UTC(), Rows: rows, Before: result.Diff.Since})
	if err != nil {
		return fmt.Errorf("encoding the baseline of %s: %w", s.Address, err)
	}
	if err := e.Store.SetDelivered(ctx, e.Owner, e.run.ID, s.Address, string(text)); err != nil {
		return err
	}
	for _, old := range []baselineFile{last.Rows, last.Before} {
		if old.Name != "" && old != rows && old != result.Diff.Since {
			_ = os.Remove(filepath.Join(e.Baselines, old.Name)) // nothing names it any more
		}
	}
	return nil
}

// copyVerified copies a file durably, whose digest must be as recorded. The
// copy has its name once it is whole.
func copyVerified(from, to, sha string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	temp := to + ".partial"
	out, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, sum), in)
	if err == nil && hex.EncodeToString(sum.Sum(nil)) != sha {
		err = errors.New("it is not what was written: its SHA-256 is another")
	}
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := os.Rename(temp, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}
