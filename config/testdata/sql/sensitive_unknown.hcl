pipeline "p" {
  sensitive_columns = ["emial"] # WARNING column-not-found: sensitive_columns names "emial", which no source or transform has
  source "file" "orders" {
    path    = "orders.csv"
    columns = { id = "bigint", email = "varchar" }
    format "csv" {}
  }
  transform "sql" "t" {
    query = "SELECT id FROM ${source.orders}"
  }
  sink "file" "out" {
    input = transform.t
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
pipeline "unknown" {
  sensitive_columns = ["phone"]
  source "file" "more" {
    path = "more.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.more
    path  = "more/${run.date}.csv"
    format "csv" {}
  }
}
