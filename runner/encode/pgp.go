package encode

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"waybill/internal/problem"
	"waybill/internal/schema"
)

// PGP encrypts finished files for the holders of OpenPGP keys. Each encryption
// is made with a new session key, so the same rows never give the same bytes.
type PGP struct {
	// PublicKey holds one or more keys, each of which can decrypt: ASCII armor,
	// also several blocks of it, or the binary form in base64.
	PublicKey string `json:"public_key" wb:"public_key"`
	Armor     bool   `json:"armor,omitempty" wb:"armor"` // whether the file is ASCII armor, a third larger
}

// PGPBlock describes the `pgp` block of a sink.
func PGPBlock() *schema.Block {
	return &schema.Block{
		Type: "pgp", Doc: "Encrypts each file for the holder of a PGP key, after compression. The key should then end with .pgp or .gpg, or with .asc if armor is set. " +
			"A key that has expired, was revoked or can only sign is refused: by validate, and again by the run before anything is sent. " +
			"No two encryptions are alike: a run that goes on delivers the file that it encrypted, and one that begins anew encrypts again.",
		Example: "pgp {\n  public_key = file(\"keys/acme.asc\")\n}",
		Attrs: []schema.Attr{
			{Name: "public_key", Type: schema.String, Required: true, Example: `file("keys/acme.asc")`,
				Doc: "The recipient's public key, as ASCII armor, or a binary one by filebase64(). With several keys, as join(\"\\n\", […]) of several files or as one exported key ring, each of them can decrypt."},
			{Name: "armor", Type: schema.Bool, Default: "false", Example: "true", Doc: "Whether the file is written as ASCII armor, which is text and a third larger."},
		},
	}
}

// Check reports a key that files cannot be encrypted for at that time as a
// problem of code "pgp-key-invalid". At the zero time it asks only whether
// there are public keys at all: what has been encrypted can be delivered even
// if the key has expired meanwhile.
func (p *PGP) Check(now time.Time) error {
	_, err := p.recipients(now)
	return err
}

// recipients reads the keys. All must be good at that time, if it is not zero.
func (p *PGP) recipients(now time.Time) (openpgp.EntityList, error) {
	keys, err := readKeys(p.PublicKey)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if fault := keyFault(k, now); fault != "" {
			return nil, problem.New("pgp-key-invalid", fmt.Sprintf("the key %s %s", keyName(k), fault), nil)
		}
	}
	return keys, nil
}

// readKeys reads all keys of a text.
func readKeys(text string) (openpgp.EntityList, error) {
	if strings.TrimSpace(text) == "" {
		return nil, notAKey("it is empty")
	}
	if !strings.Contains(text, "-----BEGIN PGP") {
		binary, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			return nil, notAKey("it is neither ASCII armor nor base64")
		}
		return readRing(bytes.NewReader(binary))
	}
	var all openpgp.EntityList
	// One buffer for all blocks: what it has read beyond one is not lost.
	for rest := bufio.NewReader(strings.NewReader(text)); ; {
		block, err := armor.Decode(rest)
		if errors.Is(err, io.EOF) && len(all) > 0 {
			return all, nil
		}
		if err != nil {
			return nil, notAKey("its ASCII armor is damaged")
		}
		if block.Type != openpgp.PublicKeyType && block.Type != openpgp.PrivateKeyType {
			return nil, notAKey(fmt.Sprintf("it is a %q", block.Type))
		}
		keys, err := readRing(block.Body)
		if err != nil {
			return nil, err
		}
		all = append(all, keys...)
	}
}

func readRing(r io.Reader) (openpgp.EntityList, error) {
	keys, err := openpgp.ReadKeyRing(r)
	if err != nil || len(keys) == 0 {
		return nil, notAKey("it cannot be read, or is of a kind that is not known here")
	}
	return keys, nil
}

func notAKey(why string) error {
	return problem.New("pgp-key-invalid", "there is no public key in it: "+why, nil)
}

// keyName is how a key is called in messages: its id, and whose it says it is.
func keyName(k *openpgp.Entity) string {
	name := k.PrimaryKey.KeyIdString()
	if id := k.PrimaryIdentity(); id != nil {
		name += " of " + id.Name
	}
	return name
}

// keyFault tells why nothing can be encrypted for a key; empty if it can.
func keyFault(k *openpgp.Entity, now time.Time) string {
	if k.PrivateKey != nil || slices.ContainsFunc(k.Subkeys, func(s openpgp.Subkey) bool { return s.PrivateKey != nil }) {
		return "is a private key, which only its owner may have: ask for the public one"
	}
	if now.IsZero() {
		return ""
	}
	if _, ok := k.EncryptionKey(now); ok {
		return ""
	}
	self, _ := k.PrimarySelfSignature()
	switch {
	case k.Revoked(now):
		return "was revoked by its owner"
	case self == nil:
		return "has no valid signature of its owner"
	case k.PrimaryKey.KeyExpired(self, now):
		return expiry(k.PrimaryKey, self, now)
	}
	return subkeyFault(k, now)
}

// subkeyFault tells what is wrong with the keys for encryption that belong to a
// key which is good itself.
func subkeyFault(k *openpgp.Entity, now time.Time) string {
	fault := "can sign, but not encrypt: it has no encryption subkey"
	for _, s := range k.Subkeys {
		if !s.PublicKey.PubKeyAlgo.CanEncrypt() {
			continue
		}
		switch {
		case s.Revoked(now):
			fault = "has an encryption subkey that was revoked"
		case s.PublicKey.KeyExpired(s.Sig, now):
			fault = "has an encryption subkey that " + expiry(s.PublicKey, s.Sig, now)
		}
	}
	return fault
}

// expiry tells when a key that is not valid now was, or will be.
func expiry(k *packet.PublicKey, self *packet.Signature, now time.Time) string {
	if k.CreationTime.After(now) {
		return "is valid only from " + k.CreationTime.UTC().Format(time.DateOnly)
	}
	end := k.CreationTime
	if self.KeyLifetimeSecs != nil {
		end = end.Add(time.Duration(*self.KeyLifetimeSecs) * time.Second)
	}
	return "expired on " + end.UTC().Format(time.DateOnly)
}

// encryptor returns a writer whose Close ends the encrypted message. The form is
// that of RFC 4880, which every implementation reads; it names neither a file
// nor a time.
func (p *PGP) encryptor(w io.Writer) (io.WriteCloser, error) {
	keys, err := p.recipients(time.Now())
	if err != nil {
		return nil, err
	}
	var closers []io.Closer
	if p.Armor {
		armored, err := armor.Encode(w, "PGP MESSAGE", nil)
		if err != nil {
			return nil, err
		}
		w, closers = armored, []io.Closer{armored}
	}
	plain, err := openpgp.Encrypt(w, keys, nil, &openpgp.FileHints{IsBinary: true}, &packet.Config{DefaultCipher: packet.CipherAES256})
	if err != nil {
		return nil, err
	}
	return layers{plain, append([]io.Closer{plain}, closers...)}, nil
}
