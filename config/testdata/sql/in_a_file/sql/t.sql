SELECT id,
       -- ERROR-BELOW column-not-found: there is no column "totl"
       totl AS total
FROM ${source.orders}
