pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${source.orders}.csv" # ERROR unknown-reference: source cannot be used here
    format "csv" {}
  }
}
