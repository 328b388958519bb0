package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestReach(t *testing.T) {
	dial := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	tests := []struct {
		err  error
		want string
	}{
		{&net.DNSError{Err: "no such host", Name: "s3.nowhere.invalid"}, "the name s3.nowhere.invalid cannot be resolved"},
		{dial, "no connection to 127.0.0.1:9: connection refused"},
		{&net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, "the connection was cut"},
		{io.EOF, "the connection was cut"},
		{io.ErrUnexpectedEOF, "the connection was cut"},
		{context.DeadlineExceeded, "there was no answer in time"},
		{os.ErrDeadlineExceeded, "there was no answer in time"},
		{errors.New("something else"), "something else"},
	}
	for _, tt := range tests {
		if got := Reach(fmt.Errorf("request send failed, %w", tt.err)); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.err, got, tt.want)
		}
	}
}
