pipeline "p" {
  enabled = "maybe" # ERROR wrong-type: enabled: want a bool
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
