pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "s4" "out" { # ERROR unknown-kind: there is no sink of kind "s4"
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
