package vault_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"waybill/internal/problem"
	"waybill/internal/vault"
)

// A readerFunc reads by a function.
type readerFunc func(ctx context.Context, ref vault.Ref) (string, error)

func (f readerFunc) Read(ctx context.Context, ref vault.Ref) (string, error) { return f(ctx, ref) }

// counted is a resolver over one reader, and how often that was asked.
func counted(read readerFunc) (*vault.Resolver, func() int) {
	var mu sync.Mutex
	calls := 0
	r := vault.New(map[string]vault.Reader{"aws-sm": readerFunc(func(ctx context.Context, ref vault.Ref) (string, error) {
		mu.Lock()
		calls++
		mu.Unlock()
		return read(ctx, ref)
	})})
	return r, func() int { mu.Lock(); defer mu.Unlock(); return calls }
}

func wantProblem(t *testing.T, err error, code string, class problem.Class, says ...string) *problem.Problem {
	t.Helper()
	p := problem.As(err)
	if p == nil || p.Code != code || p.Class != class {
		t.Fatalf("got %#v, want %s, %s", err, code, class)
	}
	text, merr := json.Marshal(p)
	if merr != nil {
		t.Fatal(merr)
	}
	for _, s := range says {
		if !strings.Contains(p.Summary+" "+p.Cause+" "+strings.Join(p.Remedy, " "), s) {
			t.Errorf("%s does not say %q", text, s)
		}
	}
	if strings.Contains(string(text)+err.Error(), "CANARY") {
		t.Errorf("a secret is shown: %s", text)
	}
	return p
}

func TestSecretsAreReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, calls := counted(func(context.Context, vault.Ref) (string, error) {
			time.Sleep(time.Second) // all ask while the first is being answered
			return `{"user": "ann", "password": "CANARY", "port": 5432}`, nil
		})
		var group sync.WaitGroup
		for field, want := range map[string]string{"user": "ann", "password": "CANARY", "port": "5432"} {
			group.Go(func() {
				if got, err := r.Read(t.Context(), "aws-sm://db#"+field); err != nil || got != want {
					t.Errorf("%s = %q, %v", field, got, err)
				}
			})
		}
		group.Wait()
		if calls() != 1 {
			t.Errorf("read %d times, want once", calls())
		}
		time.Sleep(50 * time.Second)
		if _, err := r.Read(t.Context(), "aws-sm://db"); err != nil || calls() != 1 {
			t.Errorf("read %d times within a minute, %v", calls(), err)
		}
		if _, err := r.Read(t.Context(), "aws-sm://db?version_stage=AWSPREVIOUS"); err != nil || calls() != 2 {
			t.Errorf("another version is not read: %d, %v", calls(), err)
		}
		time.Sleep(10 * time.Second)
		if _, err := r.Read(t.Context(), "aws-sm://db"); err != nil || calls() != 3 {
			t.Errorf("a rotated secret is not read again after a minute: %d, %v", calls(), err)
		}
	})
}

func TestFailuresAreNotKept(t *testing.T) {
	fails := true
	r, calls := counted(func(_ context.Context, ref vault.Ref) (string, error) {
		if fails {
			return "", vault.NotFound(ref, "it is late", nil)
		}
		return "x", nil
	})
	_, err := r.Read(t.Context(), "aws-sm://db")
	wantProblem(t, err, "secret-not-found", problem.Permanent, "aws-sm://db is not there: it is late")
	fails = false
	if got, err := r.Read(t.Context(), "aws-sm://db"); err != nil || got != "x" || calls() != 2 {
		t.Errorf("got %q, %v after %d calls", got, err, calls())
	}
}

func TestReadingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := counted(func(ctx context.Context, _ vault.Ref) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		})
		began := time.Now()
		_, err := r.Read(t.Context(), "aws-sm://db")
		wantProblem(t, err, "secret-unreachable", problem.Transient, "took longer than 30s")
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// One who gives up doesn't spoil it for those who wait for the same secret.
func TestWhoGivesUpLeavesTheOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, calls := counted(func(ctx context.Context, _ vault.Ref) (string, error) {
			select {
			case <-time.After(2 * time.Second):
				return "x", nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		})
		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := r.Read(hurried, "aws-sm://db"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
		synctest.Wait()
		if got, err := r.Read(t.Context(), "aws-sm://db"); err != nil || got != "x" || calls() != 1 {
			t.Errorf("got %q, %v after %d calls", got, err, calls())
		}
		group.Wait()
	})
}

func TestWhatCannotBeUsed(t *testing.T) {
	for _, tt := range []struct{ name, field, value, code, says string }{
		{"empty", "", "", "secret-unusable", "it is empty"},
		{"too long", "", strings.Repeat("CANARY", 11000), "secret-unusable", "longer than 65536 bytes"},
		{"no text", "", "CANARY\xff", "secret-unusable", "UTF-8"},
		{"no JSON", "#a", "CANARY", "secret-not-json", `no field "a"`},
		{"JSON that is cut", "#a", `{"a": "CANARY`, "secret-not-json", ""},
		{"a JSON text", "#a", `"CANARY"`, "secret-not-json", "another kind: string"},
		{"a JSON list", "#a", `["CANARY"]`, "secret-not-json", "another kind: array"},
		{"null", "#a", `null`, "secret-not-json", ""},
		{"no such field", "#pasword", `{"password": "CANARY"}`, "secret-field-missing", `Did you mean "password"?`},
		{"no field like it", "#a", `{"password": "CANARY"}`, "secret-field-missing", `has no field "a"`},
		{"an object", "#a", `{"a": {"b": "CANARY"}}`, "secret-field-missing", "is no text"},
		{"a list", "#a", `{"a": ["CANARY"]}`, "secret-field-missing", "is no text"},
		{"a null", "#a", `{"a": null}`, "secret-field-missing", "is no text"},
		{"an empty field", "#a", `{"a": ""}`, "secret-unusable", "it is empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := counted(func(context.Context, vault.Ref) (string, error) { return tt.value, nil })
			got, err := r.Read(t.Context(), "aws-sm://prod/db"+tt.field)
			wantProblem(t, err, tt.code, problem.Permanent, tt.says, "aws-sm://prod/db")
			if got != "" {
				t.Errorf("returned %d bytes", len(got))
			}
		})
	}
	r := vault.New(nil)
	_, err := r.Read(t.Context(), "env://X")
	wantProblem(t, err, "secret-unusable", problem.Permanent, "nothing here reads env://")
	if _, err := r.Read(t.Context(), "x"); err == nil || problem.As(err) != nil {
		t.Errorf("a malformed reference is %v", err)
	}
}

func TestFields(t *testing.T) {
	r, _ := counted(func(context.Context, vault.Ref) (string, error) {
		return `{"text": "a\"b", "number": 1.50, "bool": true, "a.b": "dotted", "": "nameless"}`, nil
	})
	for field, want := range map[string]string{"text": `a"b`, "number": "1.50", "bool": "true", "a.b": "dotted"} {
		if got, err := r.Read(t.Context(), "aws-sm://db#"+field); err != nil || got != want {
			t.Errorf("%s = %q, %v, want %q", field, got, err, want)
		}
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	r := vault.New(map[string]vault.Reader{"file": vault.Files()})
	for name, tt := range map[string]struct{ text, want string }{
		"plain": {"s3cret", "s3cret"}, "newline": {"s3cret\n", "s3cret"}, "windows": {"s3cret\r\n", "s3cret"},
		"two newlines": {"s3cret\n\n", "s3cret\n"}, "inside": {"a\nb\n", "a\nb"}, "return alone": {"a\r", "a\r"},
		"as long as can be": {strings.Repeat("x", vault.MaxSize) + "\r\n", strings.Repeat("x", vault.MaxSize)},
	} {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := r.Read(t.Context(), "file://"+path); err != nil || got != tt.want {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	if err := os.Symlink("plain", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Read(t.Context(), "file://"+dir+"/link"); err != nil || got != "s3cret" {
		t.Errorf("a link gives %q, %v", got, err)
	}
}

func TestFileMistakes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("empty", "\n", 0o600)
	write("long", strings.Repeat("CANARY", 11000), 0o600)
	write("shut", "CANARY", 0o000)
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, code, says string }{
		{"none", "secret-not-found", "there is no such file"},
		{"plain/below", "secret-not-found", ""},
		{"empty", "secret-unusable", "it is empty"},
		{"long", "secret-unusable", "longer than"},
		{"pipe", "secret-unusable", "not a regular file"},
		{"", "secret-unusable", "not a regular file"},
	}
	if os.Getuid() != 0 { // who reads everything
		tests = append(tests, struct{ name, code, says string }{"shut", "secret-access-denied", fmt.Sprintf("uid %d", os.Getuid())})
	}
	r := vault.New(map[string]vault.Reader{"file": vault.Files()})
	for _, tt := range tests {
		_, err := r.Read(t.Context(), strings.TrimSuffix("file://"+dir+"/"+tt.name, "/"))
		wantProblem(t, err, tt.code, problem.Permanent, tt.says, "file://"+dir)
	}
}

func TestEnv(t *testing.T) {
	set := map[string]string{"SET": "s3cret\n", "EMPTY": ""}
	r := vault.New(map[string]vault.Reader{"env": vault.Env(func(name string) (string, bool) { v, ok := set[name]; return v, ok })})
	if got, err := r.Read(t.Context(), "env://SET"); err != nil || got != "s3cret\n" {
		t.Errorf("got %q, %v", got, err)
	}
	_, err := r.Read(t.Context(), "env://UNSET")
	wantProblem(t, err, "secret-not-found", problem.Permanent, "env://UNSET", "Set UNSET in the environment")
	_, err = r.Read(t.Context(), "env://EMPTY")
	wantProblem(t, err, "secret-unusable", problem.Permanent, "it is empty")
}
