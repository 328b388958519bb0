package config

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"  //nolint:gosec // a checksum users ask for by name, not a protection
	"crypto/sha1" //nolint:gosec // the same
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/url"

	"github.com/google/uuid"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
)

// sums are the hashes, and how they are written.
var sums = map[string]struct {
	hash  func() hash.Hash
	write func([]byte) string
}{
	"md5": {md5.New, hex.EncodeToString}, "sha1": {sha1.New, hex.EncodeToString},
	"sha256": {sha256.New, hex.EncodeToString}, "sha512": {sha512.New, hex.EncodeToString},
	"base64sha256": {sha256.New, base64.StdEncoding.EncodeToString}, "base64sha512": {sha512.New, base64.StdEncoding.EncodeToString},
}

// sumFunctions are the hashes of texts.
func sumFunctions() map[string]function.Function {
	out := map[string]function.Function{}
	for name, s := range sums {
		out[name] = textFunc(name, func(text string) (string, error) { return sumOf(s.hash(), []byte(text), s.write), nil })
	}
	return out
}

func sumOf(h hash.Hash, data []byte, write func([]byte) string) string {
	h.Write(data)
	return write(h.Sum(nil))
}

// fileFunctions read files of the project.
func fileFunctions(tree *Tree) map[string]function.Function {
	out := map[string]function.Function{
		"file":       fileFunc(tree, func(data []byte) string { return string(data) }),
		"filebase64": fileFunc(tree, base64.StdEncoding.EncodeToString),
	}
	for name, s := range sums {
		out["file"+name] = fileFunc(tree, func(data []byte) string { return sumOf(s.hash(), data, s.write) })
	}
	return out
}

// fileFunc makes a text of a file of the project.
func fileFunc(tree *Tree, f func([]byte) string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			data, err := tree.ReadFile(args[0].AsString())
			if err != nil {
				return cty.UnknownVal(cty.String), function.NewArgErrorf(0, "cannot read %q: %w", args[0].AsString(), err)
			}
			return cty.StringVal(f(data)), nil
		},
	})
}

// encodingFunctions write texts in other ways.
func encodingFunctions() map[string]function.Function {
	return map[string]function.Function{
		"base64encode": textFunc("base64encode", func(s string) (string, error) { return base64.StdEncoding.EncodeToString([]byte(s)), nil }),
		"base64decode": textFunc("base64decode", decodeBase64),
		"base64gzip":   textFunc("base64gzip", gzipBase64),
		"textencodebase64": encodedFunc(func(s string, e encoding.Encoding) (string, error) {
			out, err := e.NewEncoder().String(s)
			return base64.StdEncoding.EncodeToString([]byte(out)), err
		}),
		"textdecodebase64": encodedFunc(func(s string, e encoding.Encoding) (string, error) {
			raw, err := base64.StdEncoding.DecodeString(s)
			if err != nil {
				return "", errNotBase64
			}
			out, err := e.NewDecoder().Bytes(raw)
			return string(out), err
		}),
		"urlencode": textFunc("urlencode", func(s string) (string, error) { return url.QueryEscape(s), nil }),
		"urldecode": textFunc("urldecode", func(s string) (string, error) {
			out, err := url.QueryUnescape(s)
			if err != nil {
				return "", fmt.Errorf("the text is not escaped as in a URL")
			}
			return out, nil
		}),
		"uuidv5": uuidFunc,
	}
}

var errNotBase64 = fmt.Errorf("the text is not base64")

func decodeBase64(s string) (string, error) {
	out, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "", errNotBase64
	}
	return string(out), nil
}

func gzipBase64(s string) (string, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}

// encodedFunc is a function of a text and the IANA name of a character set.
func encodedFunc(f func(text string, e encoding.Encoding) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "text", Type: cty.String}, {Name: "encoding", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			e, err := ianaindex.IANA.Encoding(args[1].AsString())
			if err != nil || e == nil {
				return cty.UnknownVal(cty.String), function.NewArgErrorf(1, "%q is no encoding that is known: write its IANA name, such as UTF-16LE", args[1].AsString())
			}
			out, err := f(args[0].AsString(), e)
			if err != nil {
				return cty.UnknownVal(cty.String), function.NewArgErrorf(0, "the text is not of that encoding, or has characters that it lacks")
			}
			return cty.StringVal(out), nil
		},
	})
}

var uuidSpaces = map[string]uuid.UUID{"dns": uuid.NameSpaceDNS, "url": uuid.NameSpaceURL, "oid": uuid.NameSpaceOID, "x500": uuid.NameSpaceX500}

// uuidFunc makes the UUID of a name, which is always the same one.
var uuidFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "namespace", Type: cty.String}, {Name: "name", Type: cty.String}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		space, known := uuidSpaces[args[0].AsString()]
		if !known {
			var err error
			if space, err = uuid.Parse(args[0].AsString()); err != nil {
				return cty.UnknownVal(cty.String), function.NewArgErrorf(0, "want dns, url, oid, x500 or a UUID")
			}
		}
		return cty.StringVal(uuid.NewSHA1(space, []byte(args[1].AsString())).String()), nil
	},
})
