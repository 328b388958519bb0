pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  check "rowcount" "x" { # ERROR unknown-kind: there is no check of kind "rowcount"
    input = source.orders
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
