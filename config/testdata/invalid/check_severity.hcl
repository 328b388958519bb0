pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  check "sql" "x" {
    query    = "SELECT * FROM ${source.orders}"
    severity = "warning" # ERROR invalid-value: "warning" is not one of its values
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
