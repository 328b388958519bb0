package runner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"waybill/internal/dataset"
	"waybill/runner/compile"
	"waybill/runner/engine"
	"waybill/sinks"
)

// A manifest lists what one delivery of a sink consists of, for those who
// receive it. The same delivery of the same rows has the same bytes: it knows
// neither runs nor clocks.
type manifest struct {
	Delivery    string         `json:"delivery"` // id: the same in every attempt
	Pipeline    string         `json:"pipeline"`
	Sink        string         `json:"sink"`
	Slot        time.Time      `json:"slot"`
	Format      string         `json:"format"`
	PartitionBy []string       `json:"partition_by,omitempty"` // columns that are in the names only
	Schema      dataset.Schema `json:"schema"`                 // of each file
	Rows        int64          `json:"rows"`
	Size        int64          `json:"size"` // bytes of all files
	Files       []manifestFile `json:"files"`
}

type manifestFile struct {
	Key       string `json:"key"`
	Partition string `json:"partition,omitempty"` // "region=EU/"
	Rows      int64  `json:"rows"`
	Size      int64  `json:"size"`
	SHA256    string `json:"sha256"`
}

// writeManifest makes the manifest of these data files, which are in the order
// of the exported ones.
func (e *execution) writeManifest(s *compile.Step, out compile.Output, done engine.Exports, data []frozenArtifact) (frozenArtifact, error) {
	m := manifest{Delivery: DeliveryID(e.run.Pipeline, s.Address, e.run.Slot), Pipeline: e.run.Pipeline, Sink: s.Address, Slot: e.run.Slot.UTC(),
		Format: out.Format.Kind, PartitionBy: out.PartitionBy, Schema: done.Schema, Rows: done.Rows(), Files: []manifestFile{}}
	for i, a := range data {
		m.Size += a.Size
		m.Files = append(m.Files, manifestFile{Key: a.Key, Partition: done.Files[i].Partition, Rows: a.Rows, Size: a.Size, SHA256: a.SHA256})
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return frozenArtifact{}, fmt.Errorf("encoding the manifest of %s: %w", s.Address, err)
	}
	return e.writeMarker(s, "manifest", sinks.Artifact{Key: out.ManifestKey, Role: sinks.Manifest, ContentType: "application/json"}, append(text, '\n'))
}

// writeMarker writes a small file beside the data, durably.
func (e *execution) writeMarker(s *compile.Step, file string, a sinks.Artifact, data []byte) (frozenArtifact, error) {
	f, err := os.OpenFile(filepath.Join(e.dir(s.Address), file), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return frozenArtifact{}, diskProblem(err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return frozenArtifact{}, diskProblem(err)
	}
	sum := sha256.Sum256(data)
	a.Size, a.SHA256 = int64(len(data)), hex.EncodeToString(sum[:])
	return frozenArtifact{File: file, Artifact: a}, nil
}
