package objectstore

import (
	"crypto/sha1" //nolint:gosec // a checksum that S3 offers, not a protection
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// DefaultChecksum is the algorithm of uploads that name none, as it is the
// SDKs' own.
const DefaultChecksum = "CRC64NVME"

// An algorithm is a way in which S3 checks what it receives.
type algorithm struct {
	name types.ChecksumAlgorithm
	make func() hash.Hash
	// composite algorithms cannot be combined over parts: an object that went
	// up in parts has the digest of its parts' digests.
	composite bool
}

// algorithms are those that S3 takes for single and for multipart uploads.
// Those of the CRC family are of the full object either way.
func algorithms() []algorithm {
	// The reversed NVME polynomial, as S3 names it CRC-64/NVME.
	nvme := crc64.MakeTable(0x9a6c_9329_ac4b_c9b5)
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	return []algorithm{
		{types.ChecksumAlgorithmCrc64nvme, func() hash.Hash { return crc64.New(nvme) }, false},
		{types.ChecksumAlgorithmCrc32c, func() hash.Hash { return crc32.New(castagnoli) }, false},
		{types.ChecksumAlgorithmCrc32, func() hash.Hash { return crc32.NewIEEE() }, false},
		{types.ChecksumAlgorithmSha256, sha256.New, true},
		{types.ChecksumAlgorithmSha1, sha1.New, true},
	}
}

// ChecksumAlgorithms lists what Upload.Checksum may be, the default first.
func ChecksumAlgorithms() []string {
	var names []string
	for _, a := range algorithms() {
		names = append(names, string(a.name))
	}
	return names
}

func algorithmOf(name string) (algorithm, error) {
	if name == "" {
		name = DefaultChecksum
	}
	for _, a := range algorithms() {
		if string(a.name) == name {
			return a, nil
		}
	}
	return algorithm{}, fmt.Errorf("no checksum algorithm is called %q", name)
}

// kind is the type of checksum that a multipart upload asks for.
func (a algorithm) kind() types.ChecksumType {
	if a.composite {
		return types.ChecksumTypeComposite
	}
	return types.ChecksumTypeFullObject
}

// of is the checksum of some bytes as S3 writes it.
func (a algorithm) of(data []byte) string {
	h := a.make()
	h.Write(data)
	return text(h)
}

// text is a digest as S3 writes it: the base64 of its bytes.
func text(h hash.Hash) string { return base64.StdEncoding.EncodeToString(h.Sum(nil)) }

// together is the checksum of an object that went up in parts with these
// checksums, of which whole is the one over all bytes.
func (a algorithm) together(whole hash.Hash, parts []string) (string, error) {
	if !a.composite {
		return text(whole), nil
	}
	h := a.make()
	for _, p := range parts {
		raw, err := base64.StdEncoding.DecodeString(p)
		if err != nil {
			return "", fmt.Errorf("the checksum of a part: %w", err)
		}
		h.Write(raw)
	}
	return fmt.Sprintf("%s-%d", text(h), len(parts)), nil
}

// label is a checksum with the name of its algorithm, "crc64nvme:…".
func (a algorithm) label(sum string) string { return strings.ToLower(string(a.name)) + ":" + sum }

// sumFields are the members of a request or an answer that hold a checksum, one
// for each algorithm; the SDK's types have them in common but for their names.
type sumFields struct{ crc64nvme, crc32c, crc32, sha256, sha1 **string }

func (a algorithm) field(f sumFields) **string {
	switch a.name {
	case types.ChecksumAlgorithmCrc32c:
		return f.crc32c
	case types.ChecksumAlgorithmCrc32:
		return f.crc32
	case types.ChecksumAlgorithmSha256:
		return f.sha256
	case types.ChecksumAlgorithmSha1:
		return f.sha1
	}
	return f.crc64nvme
}
