pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "a.csv"
    path  = "b.csv" # ERROR syntax: Attribute redefined
    format "csv" {}
  }
}
