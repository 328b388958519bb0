pipeline "p" {
  source "file" "orders" {
    path = "data/orders.csv"
    format "csv" {}
  }
  sink "file" "a" {
    input = source.orders
    path  = "./data/orders.csv" # ERROR path-reserved: would replace what it is made from
    format "csv" {}
  }
}
