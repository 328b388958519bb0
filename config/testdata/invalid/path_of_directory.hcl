pipeline "p" {
  source "file" "orders" {
    path = "data/orders.csv"
    format "csv" {}
  }
  sink "file" "a" {
    input = source.orders
    path  = "out/" # ERROR invalid-value: not the name of a file
    format "csv" {}
  }
}
