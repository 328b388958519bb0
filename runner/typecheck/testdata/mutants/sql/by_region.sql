-- Orders of the last month, by region.
WITH recent AS (
  SELECT region_id, total, date_trunc('month', placed) AS month
  FROM ${source.orders}
  WHERE placed >= DATE '2026-01-01'
    AND note NOT LIKE '%test%'
)
SELECT
  r.name,
  month,
  sum(total) AS total,
  count(*) AS orders
FROM recent
JOIN ${source.regions} AS r
  ON r.region_id = recent.region_id
GROUP BY r.name, month
HAVING sum(total) > 0
