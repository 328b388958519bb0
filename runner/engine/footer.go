package engine

// A ParquetFooter is what a Parquet file says of itself at its end.
type ParquetFooter struct {
	CreatedBy string          `json:"created_by,omitempty"`
	Rows      int64           `json:"rows"`
	RowGroups []RowGroup      `json:"row_groups"`
	Columns   []ParquetColumn `json:"columns"` // leaves, in the order of the file
}

// A RowGroup is a horizontal slice of a Parquet file.
type RowGroup struct {
	Rows  int64 `json:"rows"`
	Bytes int64 `json:"bytes"` // compressed
}

// A ParquetColumn is a leaf of a Parquet file's schema, over all row groups.
type ParquetColumn struct {
	Path         string `json:"path"` // "tags, list, element" for what is nested
	Physical     string `json:"physical"`
	Logical      string `json:"logical,omitempty"`
	Compression  string `json:"compression"` // in lower case; several: joined by commas
	Compressed   int64  `json:"compressed_bytes"`
	Uncompressed int64  `json:"uncompressed_bytes"`
	// What the file's statistics say; nil where they say nothing. Min and Max
	// are of columns that are not nested only, as texts.
	Nulls *int64  `json:"nulls,omitempty"`
	Min   *string `json:"min,omitempty"`
	Max   *string `json:"max,omitempty"`
}
