package secret

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Text is a text that may or may not be sensitive. It prints itself, unless it
// was made from a sensitive value; then it behaves as a String. It is for what
// users need to see in a remedy but may have chosen to hide, such as the
// external id of a role. The zero value is the empty, plain text.
type Text struct {
	value  string
	hidden bool
}

// PlainText wraps a value that may be shown.
func PlainText(value string) Text { return Text{value: value} }

// HiddenText wraps a value that must never be printed.
func HiddenText(value string) Text { return Text{value: value, hidden: true} }

// Reveal returns the text itself, sensitive or not.
func (t Text) Reveal() string { return t.value }

// Hidden reports whether the text must never be printed.
func (t Text) Hidden() bool { return t.hidden }

// IsZero reports whether the text is unset or empty.
func (t Text) IsZero() bool { return t.value == "" }

// String returns the text, or the placeholder for a sensitive one.
func (t Text) String() string {
	if t.hidden {
		return Placeholder
	}
	return t.value
}

// Format writes what String returns for every verb and flag.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// MarshalJSON encodes what String returns.
func (t Text) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }

// LogValue logs what String returns.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }
