locals {
  dir = "out"
}

pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "${local.dri}/${run.date}.csv" # ERROR unknown-reference: there is no local.dri
    format "csv" {}
  }
}
