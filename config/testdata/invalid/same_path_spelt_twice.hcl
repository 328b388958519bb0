pipeline "p" {
  source "file" "orders" {
    path = "data/orders.csv"
    format "csv" {}
  }
  sink "file" "a" {
    input = source.orders
    path  = "o.csv"
    format "csv" {}
  }
  sink "file" "b" {
    input = source.orders
    path  = "x/../o.csv" # ERROR key-collision: write the same name
    format "csv" {}
  }
}
