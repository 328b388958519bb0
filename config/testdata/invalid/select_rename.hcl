pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  transform "select" "x" {
    input   = source.orders
    columns = ["id"]
    rename  = { total = "sum" } # ERROR invalid-value: rename names "total"
  }
  sink "file" "x" {
    input = transform.x
    path  = "x/${run.date}.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
