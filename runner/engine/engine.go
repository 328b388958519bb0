// Package engine runs SQL over datasets in a child process.
//
// One Job is one short-lived child of our own binary, started with an empty
// environment inside a directory of its own and locked down before it sees the
// first byte of user SQL. Datasets go in as files, artifacts come out as files;
// killing the child is the cancellation.
package engine

import (
	"context"

	"waybill/internal/dataset"
	"waybill/runner/encode"
)

// Options starts a job.
type Options struct {
	// Command is the program and arguments that serve the job, normally our
	// own executable with the hidden verb: ["/proc/self/exe", "engine"].
	Command []string
	// Dir is the job's own directory. Spill goes to a subdirectory of it; the
	// child may write nowhere else but to WriteDirs.
	Dir string
	// ReadDirs and WriteDirs hold datasets and artifacts. Absolute.
	ReadDirs, WriteDirs []string
	MemoryLimit         int64 // bytes; DuckDB's buffers take seven eighths, RSS is up to 200 MB more
	Threads             int
	MaxTempSize         int64 // bytes of spill
}

// A Job is a running compute job. Its methods may be called from several
// goroutines and are served one after the other. When the child dies, every
// call returns a problem: "engine-crashed" or "out-of-memory". Limits that are
// reached without the child's death ("out-of-memory", "spill-full",
// "disk-full") end the call alone. Cancelling the context of a running call
// kills the child; that call and all later ones return "cancelled", or
// "timeout" if it was a deadline. Problems hold no cell values.
type Job interface {
	// Attach makes a dataset readable under name and returns its schema with
	// Athena type names. A name that is taken is replaced. A schema that the
	// dataset declares is kept to: columns are found by name and converted, and
	// other columns than those are "contract-broken". Rows are read later, when
	// they are needed, except where CSV or NDJSON types must be detected: then
	// all of every file is read once.
	Attach(ctx context.Context, name string, ds dataset.Dataset) (dataset.Schema, error)
	// Define vets one SELECT statement, type-checks it and makes it readable
	// under name. relations are the names it may read. A mistake in the SQL is
	// a problem ("transform-failed", "column-not-found", "bare-table",
	// "sql-refused"), within an *SQLError where the place is known. Columns of
	// types that Athena lacks are converted: HUGEINT, as SUM over integers
	// gives it, to decimal(38,0), unsigned integers to the next larger type,
	// nanosecond timestamps to microseconds. Define reads no rows, so it
	// type-checks over datasets without files too. After a failure the name
	// stands for nothing.
	Define(ctx context.Context, name, query string, relations []string) (dataset.Schema, error)
	// Judge is Define for a statement that nobody will read: it gives the same
	// columns or problems in half the time, and makes nothing.
	Judge(ctx context.Context, name, query string, relations []string) (dataset.Schema, error)
	// Vet judges a statement by its text alone: its syntax, that it is one
	// SELECT, and that it reads only relations, whose columns need not be known.
	Vet(ctx context.Context, query string, relations []string) error
	// Count returns the number of rows.
	Count(ctx context.Context, name string) (int64, error)
	// Hash returns an order-insensitive digest of the rows with the names and
	// types of the columns, and the number of rows.
	Hash(ctx context.Context, name string) (Hash, error)
	// Freeze writes the relation to Parquet files below dir and from then on
	// reads it from there, so that every consumer sees the same rows. dir is
	// below one of WriteDirs or Dir and is made if it is not there.
	Freeze(ctx context.Context, name, dir string) (dataset.Dataset, error)
	// Export writes the relation as one finished, verified file.
	Export(ctx context.Context, e Export) (Exported, error)
	// ExportFiles writes the relation as several finished, verified files
	// below a directory, cut as the layout says. The rows are put in order
	// once, in a file of the job's own, so that memory stays bounded and the
	// cuts are exact; that takes disk for a second copy of the rows. On failure
	// no file is left.
	ExportFiles(ctx context.Context, e ExportFiles) (Exports, error)
	// Accept judges whether files that a relation is read from can be its
	// artifacts as they are: whether ExportFiles would write the same columns in
	// the same way. Then it verifies them as it does finished files, and returns
	// them as ExportFiles would; they are where they were, and have not changed.
	// What speaks against it is a text, and no error.
	Accept(ctx context.Context, a Accept) (Accepted, error)
	// Preview returns the first rows, at most 1000, as texts; NULL is a nil
	// pointer.
	Preview(ctx context.Context, name string, limit int) (dataset.Schema, [][]*string, error)
	// Footer tells what a Parquet file in one of ReadDirs says of itself. No
	// other part of the file is read, so it may have holes there.
	Footer(ctx context.Context, path string) (ParquetFooter, error)
	// Close ends the child and waits for it. The files it wrote stay.
	Close() error
}

// Hash is an order-insensitive digest of a relation.
type Hash struct {
	Algorithm string `json:"algorithm"` // versioned: "md5-multiset-1"
	Sum       string `json:"sum"`       // hex
	Rows      int64  `json:"rows"`
}

// Export asks for one artifact.
type Export struct {
	Relation string        `json:"relation"`
	Path     string        `json:"path"` // absolute, in one of WriteDirs
	Format   encode.Format `json:"format"`
	OrderBy  []string      `json:"order_by,omitempty"` // terms as dataset.Schema.Order reads them
	Entry    string        `json:"entry,omitempty"`    // name of the file in the archive, if Format makes one
	// Progress receives percents from 0 to 100, from the goroutine that called
	// Export. The engine doesn't know them for every query: they may stay at 0
	// or not come at all.
	Progress func(percent float64) `json:"-"`
}

// Exported describes the finished artifact file.
type Exported struct {
	Size   int64          `json:"size"`
	Rows   int64          `json:"rows"`
	SHA256 string         `json:"sha256"`
	Schema dataset.Schema `json:"schema"`
}

// MaxFiles is how many files one export may have.
const MaxFiles = 10_000

// A Layout says how an export is cut into files.
type Layout struct {
	// MaxRows is how many rows each file has but the last of a partition; 0:
	// any number. Where MaxSize is reached first, it has fewer.
	MaxRows int64 `json:"max_rows,omitempty"`
	// MaxSize is the ceiling of a finished file, compression included, in
	// bytes; 0: none. Only a file of a single row may be larger.
	MaxSize int64 `json:"max_size,omitempty"`
	// PartitionBy names the columns whose values lead to files of their own.
	// The files do not hold them.
	PartitionBy []string `json:"partition_by,omitempty"`
}

// Cuts reports whether the layout asks for anything but one file.
func (l Layout) Cuts() bool { return l.MaxRows > 0 || l.MaxSize > 0 || len(l.PartitionBy) > 0 }

// ExportFiles asks for the artifacts of one sink. A layout that partitions
// gives no file for a relation without rows; any other gives one.
type ExportFiles struct {
	Relation string        `json:"relation"`
	Dir      string        `json:"dir"` // absolute, one of WriteDirs or below it
	Format   encode.Format `json:"format"`
	OrderBy  []string      `json:"order_by,omitempty"` // within each partition, across its files
	Layout   Layout        `json:"layout"`
	// Key tells where a file is to go, by its number within its partition: a
	// file in an archive is named after it. It is asked from the goroutine that
	// called ExportFiles, and only if Format makes archives. Without it files
	// are named after themselves.
	Key func(number int, partition string) (string, error) `json:"-"`
	// Progress is as in Export.
	Progress func(percent float64) `json:"-"`
}

// Exports are the finished files, in the order of partitions and numbers.
type Exports struct {
	Schema dataset.Schema `json:"schema"` // of each file
	Files  []ExportedFile `json:"files"`
}

// Rows is the number of rows in all files.
func (e Exports) Rows() (n int64) {
	for _, f := range e.Files {
		n += f.Rows
	}
	return n
}

// An ExportedFile is one of them.
type ExportedFile struct {
	Name      string `json:"name"`      // in the export's directory
	Partition string `json:"partition"` // "region=EU/"; empty without partitions
	Number    int    `json:"number"`    // within its partition, from 1
	Size      int64  `json:"size"`
	Rows      int64  `json:"rows"`
	SHA256    string `json:"sha256"`
}

// Accept asks about files that a relation is read from, all of them.
type Accept struct {
	Relation string        `json:"relation"`
	Paths    []string      `json:"paths"` // absolute, in one of ReadDirs or WriteDirs
	Format   encode.Format `json:"format"`
	// GroupRows is how many rows row groups are to have; 0: any number.
	GroupRows int64 `json:"group_rows,omitempty"`
}

// Accepted is the answer: the files, in the order of the paths and with their
// base names, or what speaks against them.
type Accepted struct {
	Exports
	Against string `json:"against,omitempty"` // "it is compressed with snappy instead of zstd"
}
