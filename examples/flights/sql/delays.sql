-- A template: a name in a dollar sign and braces is a relation; everything else is DuckDB SQL.
SELECT
  a.iata                        AS airport,
  a.city                        AS city,
  count(*)                      AS flights,
  round(avg(f.delay), 1)        AS average_delay_minutes,
  count(*) FILTER (f.delay > 60) AS over_an_hour
FROM ${source.flights} f
JOIN ${source.airports} a ON a.iata = f.origin
GROUP BY ALL
