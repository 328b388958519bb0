package compile

import (
	"fmt"
	"reflect"

	"waybill/runner/encode"
)

// A Shortcut says how a sink may come by its files without its rows being
// written anew. It is what the definition alone tells: whether the files are as
// the sink would have them shows when they are there.
type Shortcut struct {
	// From is the step whose files the sink may take as they are; empty: none.
	From string `json:"from,omitempty"`
	// Against says why there is none: "its format is csv".
	Against string `json:"against,omitempty"`
	// Codec is how the pages of the sink's files are compressed.
	Codec string `json:"-"`
	// GroupRows is how many rows the sink wants in a row group; 0: it does not say.
	GroupRows int64 `json:"-"`
	// MaxSize bounds each file, and allows several; 0: there is to be one.
	MaxSize int64 `json:"-"`
	// Copy is set if the destination may be asked to copy the files from where
	// From found them: one identity reads there and writes here. Where another
	// one does, Sent says so.
	Copy bool   `json:"copy,omitempty"`
	Sent string `json:"sent,omitempty"`
}

// Shortcut returns the short cut that a sink may take.
func (b *Bound) Shortcut(sink string) Shortcut {
	r := b.steps[sink]
	if why := r.common.rewrites(); why != "" {
		return Shortcut{Against: why}
	}
	from := b.steps[r.common.Input.Address]
	if from.step.Family != Source && !b.Pipeline.Freezes(from.step) {
		return Shortcut{Against: fmt.Sprintf("%s has no files of its own", from.step.Address)}
	}
	out := Shortcut{From: from.step.Address, Codec: r.common.Format.Codec(), MaxSize: r.common.MaxFileSize}
	if r.values.Set("format.row_group_rows") {
		out.GroupRows = r.common.Format.RowGroupRows
	}
	if reads, writes := readsAs(from), copiesAs(r); reads != "" && writes != "" {
		if out.Copy = reads == writes; !out.Copy {
			out.Sent = "another identity reads " + from.step.Address
		}
	}
	return out
}

// readsAs names the identity that reads a source's files in the place where
// they could be copied from; empty if they are nowhere but on disk.
func readsAs(r *read) string {
	if c, ok := r.source.Config.(interface{ ReadsAs() string }); ok {
		return c.ReadsAs()
	}
	return ""
}

// copiesAs names the identity by which a sink's place can be asked to copy.
func copiesAs(r *read) string {
	if c, ok := r.sink.Config.(interface{ CopiesAs() string }); ok {
		return c.CopiesAs()
	}
	return ""
}

// rewrites says what a sink does to the rows that no file which stands already
// could have had done to it; empty if nothing.
func (c sinkConfig) rewrites() string {
	switch {
	case c.Format.Kind != encode.Parquet:
		return "its format is " + c.Format.Kind
	case c.Mode == "diff":
		return "it delivers differences"
	case len(c.PartitionBy) > 0:
		return "partition_by splits its rows"
	case len(c.OrderBy) > 0:
		return "order_by sorts its rows"
	case c.MaxFileRows > 0:
		return "max_file_rows cuts its rows"
	case c.PGP != nil:
		return "pgp encrypts its files"
	}
	// Whatever else there is, now or in a later version, asks for something that
	// is not known to leave the bytes alone.
	rest := c
	rest.stepConfig, rest.Input, rest.Format, rest.IfEmpty, rest.AllowSensitive = stepConfig{}, sinkConfig{}.Input, encode.Format{}, "", false
	rest.MaxFileSize, rest.IfExists, rest.Mode, rest.KeyColumns, rest.OrderBy, rest.PartitionBy = 0, "", "", nil, nil, nil
	format := c.Format
	format.Kind, format.Compression, format.RowGroupRows = "", "", 0
	if !reflect.DeepEqual(rest, sinkConfig{}) || !reflect.DeepEqual(format, encode.Format{}) {
		return "its options change what is in its files"
	}
	return ""
}

// Freezes reports whether a transform's rows are written to a file of their
// own, so that all who read them see the same.
func (p *Pipeline) Freezes(s *Step) bool {
	return s.Family == Transform && len(p.Readers(s.Address)) > 1
}

// A Wish is how a source's data would best come, for the sake of sinks that may
// take its files as they are.
type Wish struct {
	Codec string // of Parquet; empty: any
	Leave bool   // where it was found, too, to be copied from there
}

// Wish returns what the sinks of a pipeline wish of a source. Where they
// disagree, the first one is heard.
func (b *Bound) Wish(source string) (w Wish) {
	for _, s := range b.Pipeline.Steps {
		if s.Family != Sink {
			continue
		}
		short := b.Shortcut(s.Address)
		if short.From != source {
			continue
		}
		if w.Codec == "" {
			w.Codec = short.Codec
		}
		w.Leave = w.Leave || short.Copy && short.Codec == w.Codec
	}
	return w
}
