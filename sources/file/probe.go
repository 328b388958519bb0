package file

import (
	"context"
	"fmt"

	"github.com/dustin/go-humanize"

	"waybill/internal/proof"
)

// Probe opens the file. See sources.Prober.
func (s *Source) Probe(context.Context, proof.Trial) []proof.Proof {
	size, err := s.Size()
	if err != nil {
		return []proof.Proof{proof.Bad("file", err)}
	}
	return []proof.Proof{proof.Good("file", fmt.Sprintf("%s, %s", s.cfg.Path, humanize.Bytes(uint64(size))))}
}

// Size is that of the file, in bytes.
func (s *Source) Size() (int64, error) {
	f, size, err := s.open()
	if err != nil {
		return 0, err
	}
	return size, f.Close()
}
