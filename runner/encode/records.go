package encode

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
)

// records reads the CSV that CopySQL has DuckDB write for the rewriter: comma,
// double quotes, line feeds; NULL is nothing at all, and an empty text is
// quoted. No other CSV is understood. It holds one value at a time.
type records struct {
	r    *bufio.Reader
	text []byte // of the value, without quotes; until the next call of next
	null bool
	last bool // of its record
}

func newRecords(r io.Reader) *records { return &records{r: bufio.NewReaderSize(r, 1<<16)} }

// more reports whether there is another record.
func (c *records) more() (bool, error) {
	_, err := c.r.Peek(1)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return err == nil, err
}

// next reads a value.
func (c *records) next() error {
	c.text, c.null, c.last = c.text[:0], false, false
	for {
		if _, err := c.r.Peek(1); err != nil {
			return cutShort(err)
		}
		part, _ := c.r.Peek(c.r.Buffered()) // of what is there already
		if part[0] == '"' && len(c.text) == 0 {
			_, _ = c.r.Discard(1)
			return c.quoted()
		}
		end := slices.IndexFunc(part, func(b byte) bool { return b == ',' || b == '\n' })
		if end < 0 {
			c.text = append(c.text, part...)
			_, _ = c.r.Discard(len(part))
			continue
		}
		c.text = append(c.text, part[:end]...)
		c.null, c.last = len(c.text) == 0, part[end] == '\n'
		_, _ = c.r.Discard(end + 1)
		return nil
	}
}

// quoted reads on behind the first quote.
func (c *records) quoted() error {
	for {
		part, err := c.r.ReadSlice('"')
		c.text = append(c.text, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return cutShort(err)
		}
		after, err := c.r.ReadByte()
		if err != nil {
			return cutShort(err)
		}
		if after == '"' { // doubled: the one that is there stands for both
			continue
		}
		c.text = c.text[:len(c.text)-1]
		if after != ',' && after != '\n' {
			return errors.New("rewriting CSV: a quoted value goes on behind its quotes")
		}
		c.last = after == '\n'
		return nil
	}
}

func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("rewriting CSV: %w", err)
}
