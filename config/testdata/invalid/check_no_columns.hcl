pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  check "unique" "x" {
    input   = source.orders
    columns = [] # ERROR invalid-value: columns is empty
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
