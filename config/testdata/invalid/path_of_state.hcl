pipeline "p" {
  source "file" "orders" {
    path = "data/orders.csv"
    format "csv" {}
  }
  sink "file" "a" {
    input = source.orders
    path  = ".waybill/state.csv" # ERROR path-reserved: not a sink's to write
    format "csv" {}
  }
}
