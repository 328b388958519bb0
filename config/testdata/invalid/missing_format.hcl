pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" { # ERROR missing-block: sink needs a "format" block
    input = source.orders
    path  = "out/${run.date}.csv"
  }
}
