pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  transform "mask" "x" { # ERROR missing-attribute: the mask hides nothing
    input = source.orders
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
