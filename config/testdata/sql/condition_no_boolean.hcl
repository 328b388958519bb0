pipeline "p" {
  source "file" "orders" {
    path    = "orders.csv"
    columns = { id = "bigint", total = "bigint" }
    format "csv" {}
  }
  condition "sql" "c" {
    query = "SELECT sum(total) AS n FROM ${source.orders}" # ERROR condition-invalid: has the columns
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
