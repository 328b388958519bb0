connection "aws" "lake" { # WARNING unused: connection.lake is used by nothing
  region = "us-east-1"
}

pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
