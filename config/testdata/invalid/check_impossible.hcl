pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  check "row_count" "x" {
    input = source.orders
    min   = 9 # ERROR invalid-value: min 9 is greater than max 3
    max   = 3
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
