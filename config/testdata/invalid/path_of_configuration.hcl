pipeline "p" {
  source "file" "orders" {
    path = "data/orders.csv"
    format "csv" {}
  }
  sink "file" "a" {
    input = source.orders
    path  = "main.hcl" # ERROR path-reserved: not a sink's to write
    format "csv" {}
  }
}
