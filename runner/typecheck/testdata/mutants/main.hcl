pipeline "totals" {
  source "file" "orders" {
    path    = "orders.csv"
    columns = { id = "bigint", region_id = "integer", total = "decimal(12,2)", placed = "timestamp", note = "varchar" }
    format "csv" {}
  }
  source "file" "regions" {
    path    = "regions.csv"
    columns = { region_id = "integer", name = "varchar" }
    format "csv" {}
  }
  transform "sql" "by_region" {
    query_file = "sql/by_region.sql"
  }
  transform "sql" "top" {
    query = <<-SQL
      SELECT name, total, rank() OVER (ORDER BY total DESC) AS place
      FROM ${transform.by_region}
      WHERE total > 100.5
        AND name IS NOT NULL
      ORDER BY place
      LIMIT 10
    SQL
  }
  check "sql" "sane" {
    query = "SELECT name FROM ${transform.top} WHERE total < 0"
  }
  condition "sql" "enough" {
    query = "SELECT count(*) > 3 AS enough FROM ${transform.top}"
  }
  sink "file" "out" {
    input = transform.top
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
