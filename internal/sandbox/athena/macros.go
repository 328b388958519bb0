package athena

// macros are Trino's functions in terms of DuckDB's, where name, arguments or
// meaning differ. They hide DuckDB's own functions of the same name.
var macros = []string{
	`approx_distinct(x) AS approx_count_distinct(x), (x, e) AS approx_count_distinct(x)`,
	`approx_percentile(x, p) AS approx_quantile(x, p)`,
	`array_join(a, d) AS array_to_string(a, d), (a, d, n) AS array_to_string(list_transform(a, lambda e: coalesce(CAST(e AS VARCHAR), n)), d)`,
	`array_max(a) AS list_max(a)`,
	`array_min(a) AS list_min(a)`,
	`array_sort(a) AS list_sort(a, 'ASC', 'NULLS LAST')`,
	`arrays_overlap(a, b) AS list_has_any(a, b)`,
	`cardinality(x) AS CASE WHEN x IS NULL THEN NULL WHEN json_type(to_json(x)) = 'OBJECT' THEN CAST(len(json_keys(to_json(x))) AS BIGINT) ELSE CAST(json_array_length(to_json(x)) AS BIGINT) END`,
	`concat(a, b) AS a || b, (a, b, c) AS a || b || c, (a, b, c, d) AS a || b || c || d, (a, b, c, d, e) AS a || b || c || d || e, (a, b, c, d, e, f) AS a || b || c || d || e || f`,
	`date_add(u, n, d) AS d + CASE lower(u) WHEN 'year' THEN to_years(n) WHEN 'quarter' THEN to_months(3 * n) WHEN 'month' THEN to_months(n) WHEN 'week' THEN to_days(7 * n) WHEN 'day' THEN to_days(n) WHEN 'hour' THEN to_hours(n) WHEN 'minute' THEN to_minutes(n) WHEN 'second' THEN to_seconds(n) WHEN 'millisecond' THEN to_milliseconds(n) END`,
	`day_of_month(d) AS day(d)`,
	`day_of_week(d) AS isodow(d)`,
	`dow(d) AS isodow(d)`,
	`day_of_year(d) AS dayofyear(d)`,
	`doy(d) AS dayofyear(d)`,
	`element_at(x, k) AS x[k]`,
	`from_iso8601_date(s) AS CAST(s AS DATE)`,
	`from_iso8601_timestamp(s) AS CAST(s AS TIMESTAMPTZ)`,
	`from_unixtime(n) AS to_timestamp(n)`,
	`from_utf8(b) AS decode(b)`,
	`json_extract_scalar(j, p) AS json_extract_string(j, p)`,
	`json_format(j) AS CAST(j AS VARCHAR)`,
	`json_parse(s) AS CAST(s AS JSON)`,
	`json_size(j, p) AS CASE json_type(json_extract(j, p)) WHEN 'OBJECT' THEN CAST(len(json_keys(json_extract(j, p))) AS BIGINT) WHEN 'ARRAY' THEN CAST(json_array_length(json_extract(j, p)) AS BIGINT) ELSE 0 END`,
	`last_day_of_month(d) AS last_day(d)`,
	`regexp_extract(s, p) AS CASE WHEN regexp_matches(s, p) THEN system.main.regexp_extract(s, p) END, (s, p, g) AS CASE WHEN regexp_matches(s, p) THEN system.main.regexp_extract(s, p, g) END`,
	`regexp_like(s, p) AS regexp_matches(s, p)`,
	`regexp_replace(s, p) AS system.main.regexp_replace(s, p, '', 'g'), (s, p, r) AS system.main.regexp_replace(s, p, replace(r, '$', '\'), 'g')`,
	`replace(s, a) AS system.main.replace(s, a, ''), (s, a, b) AS system.main.replace(s, a, b)`,
	`sequence(a, b) AS generate_series(a, b), (a, b, s) AS generate_series(a, b, s)`,
	`to_iso8601(t) AS CASE typeof(t) WHEN 'DATE' THEN strftime(t, '%Y-%m-%d') WHEN 'TIMESTAMP WITH TIME ZONE' THEN strftime(t, '%Y-%m-%dT%H:%M:%S.%gZ') ELSE strftime(t, '%Y-%m-%dT%H:%M:%S.%g') END`,
	`to_unixtime(t) AS epoch(t)`,
	`to_utf8(s) AS encode(s)`,
	`week_of_year(d) AS weekofyear(d)`,
	`year_of_week(d) AS isoyear(d)`,
	`yow(d) AS isoyear(d)`,
}

// hiddenFunctions reach beyond the query's data: files, settings, other SQL.
// Trino has none of them.
var hiddenFunctions = []string{
	"current_setting", "getenv", "glob", "json_execute_serialized_sql", "parquet_bloom_probe", "parquet_file_metadata", "parquet_full_metadata",
	"parquet_kv_metadata", "parquet_metadata", "parquet_schema", "parquet_scan", "query", "query_table", "read_blob", "read_csv", "read_csv_auto",
	"read_json", "read_json_auto", "read_json_objects", "read_json_objects_auto", "read_ndjson", "read_ndjson_auto", "read_ndjson_objects",
	"read_parquet", "read_text", "sniff_csv",
}

// tableFunctions are those that may stand in FROM.
var tableFunctions = []string{"unnest", "sequence", "generate_series", "range"}
