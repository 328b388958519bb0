// Package secret holds values that must never be printed.
//
// A String cannot turn back into a string by accident: every formatting verb,
// JSON encoder and slog handler shows the placeholder. Only Reveal gives the
// value, and only the code that hands it to its final consumer calls that.
package secret

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Placeholder stands wherever a secret would have been printed.
const Placeholder = "(sensitive)"

// Mark is the cty mark carried by sensitive values and by every value made
// from them.
type Mark struct{}

// String is a secret text. The zero value is the empty, unset secret.
type String struct{ value string }

// New wraps value.
func New(value string) String { return String{value: value} }

// Reveal returns the secret itself.
func (s String) Reveal() string { return s.value }

// IsZero reports whether the secret is unset or empty.
func (s String) IsZero() bool { return s.value == "" }

// String returns the placeholder.
func (s String) String() string { return Placeholder }

// Format writes the placeholder for every verb and flag.
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Placeholder) }

// MarshalJSON encodes the placeholder.
func (s String) MarshalJSON() ([]byte, error) { return json.Marshal(Placeholder) }

// LogValue logs the placeholder.
func (s String) LogValue() slog.Value { return slog.StringValue(Placeholder) }
