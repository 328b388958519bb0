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
