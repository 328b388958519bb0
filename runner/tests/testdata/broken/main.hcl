variable "env" {
  type    = string
  default = "dev"
}

pipeline "totals" {
  source "file" "orders" {
    path    = "orders.csv"
    columns = { id = "bigint", region = "varchar", total = "decimal(12,2)", day = "date" }
    format "csv" {}
  }

  source "file" "plain" {
    path = "plain.csv"
    format "csv" {}
  }

  source "file" "spare" {
    path = "spare.csv"
    format "csv" {}
  }

  transform "sql" "by_region" {
    query = "SELECT region, sum(total) AS total FROM ${source.orders} JOIN ${source.plain} USING (id) GROUP BY ALL"
  }

  check "row_count" "some" {
    input = transform.by_region
    min   = 1
  }

  sink "file" "out" {
    input = transform.by_region
    path  = "out/${var.env}/${run.date}.parquet"
    format "parquet" {}
  }
}
