package secret_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"waybill/internal/secret"
)

func TestText(t *testing.T) {
	for _, text := range []secret.Text{secret.PlainText("acme-1"), secret.HiddenText("acme-1")} {
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "id", text)
		data, err := json.Marshal(map[string]any{"id": text})
		if err != nil {
			t.Fatal(err)
		}
		for _, shown := range []string{fmt.Sprint(text), fmt.Sprintf("%q %#v %x", text, text, text), log.String(), string(data)} {
			if strings.Contains(shown, "acme-1") == text.Hidden() || strings.Contains(shown, secret.Placeholder) != text.Hidden() {
				t.Errorf("hidden %v shows as %s", text.Hidden(), shown)
			}
		}
		if text.Reveal() != "acme-1" || text.IsZero() || !(secret.Text{}).IsZero() {
			t.Error("the value is not kept")
		}
	}
}
