package engine_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// childOf reads a /proc/PID/stat file.
func childOf(stat string, parent int) (pid int, ok bool) {
	data, err := os.ReadFile(stat)
	if err != nil {
		return 0, false // it has ended meanwhile
	}
	// The name in brackets may hold anything.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	pid, err = strconv.Atoi(filepath.Base(filepath.Dir(stat)))
	return pid, err == nil && len(fields) > 1 && fields[1] == strconv.Itoa(parent)
}

// escapes tries, within the child, what Landlock must forbid. It returns an
// exit status for what worked.
func escapes() int {
	if _, err := os.ReadFile("/etc/passwd"); err == nil {
		return 11
	}
	if _, err := os.ReadDir("/"); err == nil {
		return 12
	}
	if err := os.WriteFile(filepath.Join(os.TempDir(), "waybill-escape"), nil, 0o600); err == nil {
		return 13
	}
	if c, err := net.Dial("tcp", "127.0.0.1:9"); err == nil || !strings.Contains(err.Error(), "permission denied") {
		if err == nil {
			c.Close()
		}
		return 14
	}
	if err := unix.Kill(os.Getppid(), 0); err == nil {
		return 15
	}
	for _, secret := range []string{"environ", "maps", "cwd/go.mod", "fd/0"} {
		if _, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(os.Getppid()), secret)); err == nil {
			return 16
		}
	}
	return 0
}

func TestChildIsConfined(t *testing.T) {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 || abi < 6 {
		t.Skip("the kernel has no Landlock, or an early one")
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "canary")
	d := newDirs(t)
	d.Command = append(d.Command, "environment", "outside")
	j := start(t, d.Options)
	define(t, j, "one", "SELECT 1 AS x")
	if got := table(t, j, "one"); got != "1\n" {
		t.Errorf("a confined child computes %q", got)
	}
	// We are not confined, on whatever thread the test goes on.
	if _, err := os.ReadFile("/etc/passwd"); err != nil {
		t.Error(err)
	}
}
