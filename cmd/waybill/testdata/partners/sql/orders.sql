-- What was ordered.
SELECT id, region, total
FROM orders
