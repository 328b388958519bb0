package objectstore

import (
	"testing"

	"pgregory.net/rapid"
)

func TestPartSize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(0, 48<<40).Draw(t, "size") // S3's limit is near the upper end
		part := partSize(size)
		if part < minPartSize || part*maxParts < size {
			t.Errorf("%d bytes in parts of %d do not fit", size, part)
		}
		if part > minPartSize && (part-1)*maxParts >= size {
			t.Errorf("%d bytes: parts of %d are larger than they need be", size, part)
		}
	})
}

// TestInFlight: parts that are larger are fewer, so that memory stays what it
// is for the smallest, or is that of one part.
func TestInFlight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 16).Draw(t, "parallel")
		part := partSize(rapid.Int64Range(0, 48<<40).Draw(t, "size"))
		got := inFlight(n, part)
		if got < 1 || got > n || (got > 1 && int64(got)*part > int64(n)*minPartSize) {
			t.Errorf("%d parts of %d at once, where %d of the smallest may be", got, part, n)
		}
	})
}
