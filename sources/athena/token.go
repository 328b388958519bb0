package athena

import (
	"context"
	"encoding/json"
	"fmt"

	"waybill/internal/dataset"
)

// The queries of one extraction, by what they are for.
const (
	stageDescribe = "describe" // columns, no rows
	stageTypes    = "types"    // the element types of nested columns
	stageMain     = "main"     // the rows
)

// A token is what an extraction saves to be resumed from. It holds no SQL and
// no parameter, because those may hold values that must not be stored.
type token struct {
	Version int            `json:"version"`
	Place   *place         `json:"place,omitempty"`   // nil until the workgroup has been asked
	Method  string         `json:"method,omitempty"`  // methodUnload or methodResults; empty until decided
	Staging string         `json:"staging,omitempty"` // where UNLOAD writes: an s3:// location that ends in "/"
	Codec   string         `json:"codec,omitempty"`   // of what UNLOAD writes
	Columns dataset.Schema `json:"columns,omitempty"` // nil until described
	// Queries holds an entry for each query that was announced; the id is
	// empty until Athena has answered.
	Queries map[string]string `json:"queries,omitempty"`
	// Stopped tells that we ourselves stopped the attempt's query.
	Stopped bool `json:"stopped,omitempty"`
	// Done is the complete dataset, once its files are safely on disk.
	Done *dataset.Dataset `json:"done,omitempty"`
}

const tokenVersion = 1

func readToken(data []byte) (token, error) {
	t := token{Version: tokenVersion}
	if len(data) == 0 {
		return t, nil
	}
	if err := json.Unmarshal(data, &t); err != nil {
		return t, fmt.Errorf("read the saved state of an extraction: %w", err)
	}
	if t.Version != tokenVersion {
		return t, fmt.Errorf("the saved state of an extraction has version %d; this program reads version %d", t.Version, tokenVersion)
	}
	return t, nil
}

// save makes the token durable.
func (x *extraction) save(ctx context.Context) error {
	data, err := json.Marshal(x.tok)
	if err != nil {
		return fmt.Errorf("write the state of an extraction: %w", err)
	}
	return x.req.Save(ctx, data)
}

// note changes the token and makes it durable.
func (x *extraction) note(ctx context.Context, change func(*token)) error {
	change(&x.tok)
	return x.save(ctx)
}
