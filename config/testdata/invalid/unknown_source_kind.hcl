pipeline "p" {
  source "flie" "orders" { # ERROR unknown-kind: there is no source of kind "flie"
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
