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
	if f.compressed() {
		suffixes := packedExtensions[f.Compression]
		out = cross(out, suffixes)
		if f.NeedsEntry() { // the archive's own ending is enough: what is inside has a name too
			out = append(out, suffixes...)
		}
	}
	if f.PGP != nil {
		out = cross(out, f.PGP.extensions())
	}
	return out
}

// extensions are what encryption adds to a name.
func (p *PGP) extensions() []string {
	if p.Armor {
		return []string{".asc", ".pgp", ".gpg"}
	}
	return []string{".pgp", ".gpg"}
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
	case Arrow:
		if f.Container == ArrowStream {
			return []string{".arrows", ".arrow"}
		}
		return []string{".arrow", ".feather"}
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

// NeedsEntry reports whether such a file is an archive of another one, whose
// name EntryName makes of the file's own.
func (f Format) NeedsEntry() bool {
	return f.IsText() && (f.Compression == Zip || f.Compression == Tgz)
}

// EntryName is the name of the one file in the archive with this key or path:
// its last part without the endings of archive and encryption. If that leaves no ending at all,
// the format's is added.
func (f Format) EntryName(key string) string {
	f = f.withDefaults()
	// An archive with a backslash in it would be unpacked into a directory on
	// some systems, and it could be any.
	name := strings.ReplaceAll(path.Base(key), `\`, "_")
	if f.PGP != nil {
		name = cutEnding(name, f.PGP.extensions())
	}
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
	if f.PGP != nil {
		return "application/pgp-encrypted"
	}
	if f.compressed() {
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
	case XLSX:
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case Arrow:
		return "application/vnd.apache.arrow." + f.Container
	case Avro:
		return "application/avro"
	}
	return "application/vnd.apache.parquet"
}
