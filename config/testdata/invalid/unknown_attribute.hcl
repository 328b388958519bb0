pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    inputs = source.orders # ERROR unknown-attribute: Unsupported argument
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
