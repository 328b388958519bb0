package secret_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"waybill/internal/secret"
)

func TestString(t *testing.T) {
	s := secret.New("hunter2")
	var log strings.Builder
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("x", "s", s, "p", &s, "in", struct{ S secret.String }{s}, "any", []any{s}, slog.Group("g", "s", s))
	data, err := json.Marshal(map[string]any{"s": s, "p": &s, "list": []secret.String{s}})
	if err != nil {
		t.Fatal(err)
	}
	shown := log.String() + string(data) + s.String() + fmt.Sprint(s, &s, []secret.String{s}, map[string]secret.String{"k": s}, struct{ S secret.String }{s})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s", "%T"} {
		shown += fmt.Sprintf(verb, s) + fmt.Errorf("wrapped: "+verb, s).Error()
		if verb != "%T" {
			shown += fmt.Sprintf(verb, &s) + fmt.Sprintf(verb, struct{ P *secret.String }{&s})
		}
	}
	shown += errors.Join(fmt.Errorf("%v", s)).Error()
	for _, leak := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), fmt.Sprintf("%X", "hunter2"), "104 117"} {
		if strings.Contains(shown, leak) {
			t.Errorf("%q is shown in %s", leak, shown)
		}
	}
	if s.Reveal() != "hunter2" || s.IsZero() || !(secret.String{}).IsZero() || !secret.New("").IsZero() {
		t.Error("the value is not kept")
	}
}
