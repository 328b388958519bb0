package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// An Event is a request after which another object, or none, stands under a
// key.
type Event struct {
	Time        time.Time // when the request came in
	Bucket, Key string
	Gone        bool   // nothing stands there any more
	SHA256      string // of the object; empty: nobody has said
	Size        int64  // of the request's body; -1: it was not the whole object
}

// A Journal follows the journal of a sandbox. Its methods are safe for
// concurrent use.
type Journal struct {
	path string

	mu      sync.Mutex
	read    int64
	events  map[string][]Event // by bucket, oldest first
	uploads map[string]string  // what was announced of open uploads, by id
}

// NewJournal follows the journal at path.
func NewJournal(path string) *Journal {
	return &Journal{path: path, events: map[string][]Event{}, uploads: map[string]string{}}
}

// Events returns, in their order, those so far whose keys begin with prefix.
func (j *Journal) Events(bucket, prefix string) ([]Event, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.follow(); err != nil {
		return nil, err
	}
	var out []Event
	for _, e := range j.events[bucket] {
		if strings.HasPrefix(e.Key, prefix) {
			out = append(out, e)
		}
	}
	return out, nil
}

func (j *Journal) follow() error {
	f, err := os.Open(j.path)
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	text := make([]byte, info.Size()-j.read)
	if _, err := f.ReadAt(text, j.read); err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	j.read += int64(len(whole))
	for line := range bytes.Lines(whole) {
		if err := j.add(line); err != nil {
			return err
		}
	}
	return nil
}

// An entry is a line of the journal, as far as it concerns us.
type entry struct {
	Time                              time.Time
	Operation, Bucket, Key, Via, Path string
	Code                              string
	Status                            int
	BytesIn                           int64  `json:"bytes_in"`
	UploadID                          string `json:"upload_id"`
	Header                            map[string]string
}

func (j *Journal) add(line []byte) error {
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	if e.Via != "" || e.Status/100 != 2 && e.Status != 0 || e.Code != "" {
		return nil
	}
	announced := e.Header["x-amz-meta-waybill-sha256"]
	out := Event{Time: e.Time, Bucket: e.Bucket, Key: e.Key, SHA256: announced, Size: e.BytesIn}
	switch e.Operation {
	case "CreateMultipartUpload":
		j.uploads[e.UploadID] = announced
		return nil
	case "CompleteMultipartUpload":
		out.SHA256, out.Size = j.uploads[e.upload()], -1
	case "CopyObject":
		out.Size = -1
	case "DeleteObject":
		out.Gone = true
	case "PutObject":
		if e.Status != http.StatusOK {
			return nil // it was cut off, and half of a request is none
		}
	default:
		return nil
	}
	j.events[e.Bucket] = append(j.events[e.Bucket], out)
	return nil
}

// upload is the id that the request names.
func (e entry) upload() string {
	_, query, _ := strings.Cut(e.Path, "?")
	q, _ := url.ParseQuery(query) // what cannot be read names none
	return q.Get("uploadId")
}
