package s3

import (
	"fmt"
	"sync"

	"waybill/internal/objectstore"
	"waybill/internal/problem"
)

// copies adds up what S3 copied in one delivery. Safe for concurrent use.
type copies struct {
	mu            sync.Mutex
	asked, copied int64 // bytes
	small, least  int64 // bytes of files that are too small for it, and the largest size that is
	refused       error // why not all that was asked for
}

func (c *copies) add(up objectstore.Upload, done objectstore.Uploaded) {
	if up.From == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if least := objectstore.CopiedAbove(up.Checksum); up.Size <= least {
		c.small, c.least = c.small+up.Size, least
		return
	}
	c.asked += up.Size
	c.copied += done.Copied
	if c.refused == nil {
		c.refused = done.NotCopied
	}
}

// tell says how it went, once.
func (c *copies) tell(note func(string)) {
	total := c.asked + c.small
	switch {
	case note == nil || total == 0:
	case c.asked == 0:
		note(fmt.Sprintf("sent: files up to %d MiB are not worth copying", (c.least+1)>>20))
	case c.refused != nil && c.copied == 0:
		note("sent: " + reason(c.refused))
	case c.refused != nil:
		note(fmt.Sprintf("S3 copied %d of %d bytes, and the others were sent: %s", c.copied, total, reason(c.refused)))
	case c.copied == total:
		note("S3 copied it")
	default:
		note(fmt.Sprintf("S3 copied %d of %d bytes", c.copied, total))
	}
}

func reason(err error) string {
	if p := problem.As(err); p != nil {
		return fmt.Sprintf("%s [%s]", p.Summary, p.Code)
	}
	return err.Error()
}
