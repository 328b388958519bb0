SELECT region, count(*) AS orders, sum(total) AS total
FROM ${source.orders}
GROUP BY region
