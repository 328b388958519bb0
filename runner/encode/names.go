package encode

import (
	"path"
	"slices"
	"strings"
)

// Extensions lists what the name of such a file should end with, the usual
// ending first.
func (f Format) Extensions() []string {
	f = f.withDefaults()
	out := f.baseExtensions()
	if !f.IsText() {
		return out
	}
	suffixes := packedExtensions[f.Compression]
	if len(suffixes) == 0 {
		return out
	}
	packed := cross(out, suffixes)
	if f.archives() { // whose own ending is enough: what is inside has a name too
		packed = append(packed, suffixes...)
	}
	return packed
}

// baseExtensions are those of the file before it is packed.
func (f Format) baseExtensions() []string {
	switch f.Kind {
	case CSV:
		if f.Delimiter == "\t" {
			return []string{".tsv", ".csv", ".txt"}
		}
		return []string{".csv", ".tsv", ".txt"}
	case NDJSON:
		return []string{".ndjson", ".jsonl", ".json"}
	}
	return []string{"." + f.Kind}
}

// packedExtensions are what compressions add to a name.
var packedExtensions = map[string][]string{Gzip: {".gz"}, Zstd: {".zst"}, Zip: {".zip"}, Tgz: {".tgz", ".tar.gz"}}

// cross appends every suffix to every name.
func cross(names, suffixes []string) []string {
	var out []string
	for _, n := range names {
		for _, s := range suffixes {
			out = append(out, n+s)
		}
	}
	return out
}

// archives reports whether the compression makes an archive, whose one entry
// has a name of its own.
func (f Format) archives() bool { return f.IsText() && (f.Compression == Zip || f.Compression == Tgz) }

// NeedsEntry reports whether such a file holds another one under a name, which
// EntryName makes of the file's own.
func (f Format) NeedsEntry() bool { return f.archives() }

// EntryName is the name of the one file in the archive with this key or path:
// its last part without the archive's ending. If that leaves no ending at all,
// the format's is added.
func (f Format) EntryName(key string) string {
	f = f.withDefaults()
	// An archive with a backslash in it would be unpacked into a directory on
	// some systems, and it could be any.
	name := strings.ReplaceAll(path.Base(key), `\`, "_")
	name = cutEnding(name, packedExtensions[f.Compression])
	if strings.Trim(name, "./") == "" {
		name = "data"
	}
	if !strings.Contains(name, ".") {
		name += f.baseExtensions()[0]
	}
	return name
}

// cutEnding takes the longest of these endings away, in any case of letters.
func cutEnding(name string, endings []string) string {
	lower := strings.ToLower(name)
	for _, e := range slices.Backward(endings) {
		if strings.HasSuffix(lower, e) {
			return name[:len(name)-len(e)]
		}
	}
	return name
}

// ContentType is the media type that an object of this format is stored with.
// A compressed text is that of its compression, never the text's with a
// content encoding: browsers and some SDKs would unpack the latter silently,
// and the bytes would no longer match their checksum.
func (f Format) ContentType() string {
	f = f.withDefaults()
	if f.IsText() && f.Compression != None {
		return map[string]string{Gzip: "application/gzip", Tgz: "application/gzip", Zstd: "application/zstd", Zip: "application/zip"}[f.Compression]
	}
	switch f.Kind {
	case CSV:
		if f.Delimiter == "\t" {
			return "text/tab-separated-values; charset=" + charsets[f.Encoding].name
		}
		return "text/csv; charset=" + charsets[f.Encoding].name
	case NDJSON:
		return "application/x-ndjson"
	case JSON:
		return "application/json"
	}
	return "application/vnd.apache.parquet"
}
