package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// An Entry is one request that the sandbox answered, or cut off.
type Entry struct {
	Time      time.Time `json:"time"` // when the request came in, UTC
	Service   string    `json:"service"`
	Operation string    `json:"operation"`
	Method    string    `json:"method"`
	Path      string    `json:"path"` // with the query, as sent
	Bucket    string    `json:"bucket,omitempty"`
	Key       string    `json:"key,omitempty"`
	Region    string    `json:"region,omitempty"` // that the request is signed for
	// Principal is the ARN of the access key's owner, whether or not the
	// signature was right.
	Principal   string `json:"principal,omitempty"`
	AccessKeyID string `json:"access_key_id,omitempty"`
	Status      int    `json:"status"` // 0: the connection was cut before an answer
	Code        string `json:"code,omitempty"`
	Message     string `json:"message,omitempty"`
	BytesIn     int64  `json:"bytes_in"`
	BytesOut    int64  `json:"bytes_out"`
	Millis      int64  `json:"millis"`
	RequestID   string `json:"request_id"`
	// UploadID is the multipart upload that this request has opened.
	UploadID  string `json:"upload_id,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	// Via is the service that made this request on behalf of the principal:
	// "athena" for the results that Athena writes.
	Via string `json:"via,omitempty"`
	// Fault tells that a fault rule shaped the answer: "status", "delay",
	// "rate", "cut-before", "cut-after".
	Fault string `json:"fault,omitempty"`
	// Header holds the request's own headers of interest, lower case:
	// conditions, checksums, metadata, encryption, copy sources.
	Header map[string]string `json:"header,omitempty"`
	// Params holds the parameters of an STS or Athena request, without
	// secrets: "RoleArn", "ExternalId", "QueryString".
	Params map[string]string `json:"params,omitempty"`
}

// A journal is an append-only file of entries, one JSON object to a line.
type journal struct {
	mu sync.Mutex
	f  *os.File
}

func openJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	return &journal{f: f}, nil
}

// write appends an entry with one system call, so that a reader never sees half
// of one that is followed by another.
func (j *journal) write(e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode a journal entry: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.f.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

func (j *journal) close() error { return j.f.Close() }

// ReadJournal returns the entries that stand in a journal so far, in the order
// in which their answers ended. An entry that is being written is left out.
func ReadJournal(path string) ([]Entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	defer f.Close()
	var out []Entry
	in := bufio.NewReader(f)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the journal: %w", err)
		}
		var e Entry
		dec := json.NewDecoder(bytes.NewReader(line))
		if err := dec.Decode(&e); err != nil {
			return nil, fmt.Errorf("read the journal: line %d: %w", len(out)+1, err)
		}
		out = append(out, e)
	}
}
