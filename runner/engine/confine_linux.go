package engine

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// processAttributes puts the child into a process group of its own, out of
// reach of the terminal's Ctrl-C, and has the kernel kill it when the thread
// that started it ends.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// ownThread calls f on a thread that nothing else uses and that ends with f. It
// may return before f does. The thread is never the process's first: that one
// cannot end, and stands for the whole process when the kernel asks whether a
// child may look into its parent or signal it.
func ownThread(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return // still locked, which ends the thread
	}
	elsewhere := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		close(elsewhere)
		f()
	}()
	<-elsewhere
	runtime.UnlockOSThread()
}

// confine confines the calling thread, and with it every process that it
// starts from its first instruction on, as far as the kernel can. The rest of
// our own process is untouched: Go makes no new thread from a locked one.
func confine(o Options) error {
	if err := dropPrivileges(); err != nil {
		return fmt.Errorf("confine the compute process: %w", err)
	}
	if err := restrictThread(o); err != nil && !errors.Is(err, errNoLandlock) {
		return fmt.Errorf("confine the compute process: %w", err)
	}
	return nil
}

// dropPrivileges sees to it that the process started has no capabilities even
// if we are root, save for reading and writing files whatever their mode. That
// is more than tidiness: CAP_PERFMON opens the environment of every process in
// /proc, ours with its credentials too, and Landlock does not prevent it.
func dropPrivileges() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	// Kernels without ambient capabilities have none to clear.
	_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		if c == unix.CAP_DAC_OVERRIDE || c == unix.CAP_DAC_READ_SEARCH {
			continue
		}
		// EPERM: who may not drop capabilities has none to hand on. EINVAL: the
		// kernel is older than the capability.
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EINVAL) {
			return os.NewSyscallError("prctl", err)
		}
	}
	return nil
}

// errNoLandlock means that the kernel has no Landlock or has it switched off.
var errNoLandlock = errors.New("no Landlock")

const (
	fsExecute = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE
	fsRead    = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	fsWrite   = fsRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SYM |
		unix.LANDLOCK_ACCESS_FS_REFER | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	fsFile = fsExecute | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE // what a rule for a single file may say
)

// ruleset returns what a kernel of the given Landlock version can forbid: all
// of the file system, TCP from version 4, signals and abstract sockets to
// processes outside from version 6.
func ruleset(abi int) unix.LandlockRulesetAttr {
	attr := unix.LandlockRulesetAttr{Access_fs: 1<<13 - 1}
	if abi >= 2 {
		attr.Access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		attr.Access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 4 {
		attr.Access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= 5 {
		attr.Access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	return attr
}

// restrictThread confines the calling thread, and all that it starts, to the
// job's files.
func restrictThread(o Options) (err error) {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return errNoLandlock
	}
	attr := ruleset(int(abi))
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return os.NewSyscallError("landlock_create_ruleset", errno)
	}
	defer func() { err = errors.Join(err, unix.Close(int(fd))) }()
	if err := addRules(int(fd), attr.Access_fs, o); err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return os.NewSyscallError("landlock_restrict_self", errno)
	}
	return nil
}

// systemFiles are where DuckDB looks for limits of its control group when it
// starts; it aborts if it may not. The files in /proc that tell secrets stay
// closed: a confined process without capabilities may not look into another.
var systemFiles = []string{"/proc", "/sys/fs/cgroup"}

// addRules allows what a job needs.
func addRules(ruleset int, handled uint64, o Options) error {
	exe, err := exec.LookPath(o.Command[0])
	if err != nil {
		return err
	}
	libraries, err := mappedFiles()
	if err != nil {
		return err
	}
	rules := []struct {
		paths    []string
		access   uint64
		optional bool // what a system lacks needs no rule
	}{
		{[]string{exe}, fsExecute, false},
		// The child is our own binary, so its libraries are ours.
		{append(libraries, "/etc/ld.so.cache"), fsExecute, true},
		{systemFiles, unix.LANDLOCK_ACCESS_FS_READ_FILE, true},
		{o.ReadDirs, fsRead, false},
		{append([]string{o.Dir}, o.WriteDirs...), fsWrite, false},
	}
	for _, r := range rules {
		for _, path := range r.paths {
			if err := allow(ruleset, path, handled&r.access); err != nil && !(r.optional && errors.Is(err, os.ErrNotExist)) {
				return err
			}
		}
	}
	return nil
}

// allow adds a rule for a file, or for a directory and all below it.
func allow(ruleset int, path string, access uint64) (err error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= fsFile
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return &os.PathError{Op: "landlock_add_rule", Path: path, Err: errno}
	}
	return nil
}

// mappedFiles lists the files that hold the code of our own process: the
// binary, the dynamic loader and the libraries, wherever a system keeps them.
func mappedFiles() (_ []string, err error) {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	seen := map[string]bool{}
	var out []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// 7f0000000000-7f0000001000 r-xp 00000000 fe:00 1234   /usr/lib/libc.so.6
		fields := strings.SplitN(lines.Text(), " ", 6)
		if len(fields) < 6 || !strings.Contains(fields[1], "x") {
			continue
		}
		if path := strings.TrimLeft(fields[5], " "); strings.HasPrefix(path, "/") && !seen[path] {
			seen[path] = true
			out = append(out, path)
		}
	}
	return out, nil
}

// oomKills returns how many processes the kernel has killed for want of memory
// since it started, or 0 if it does not tell.
func oomKills() int64 {
	data, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(count), 10, 64) // no number: not told
			return n
		}
	}
	return 0
}
