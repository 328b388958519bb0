pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  transform "mask" "x" {
    input = source.orders
    hash  = ["email"]
    salt  = "pepper" # ERROR literal-secret: salt stands in the file in plain text
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
