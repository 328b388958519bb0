pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input     = source.orders
    path      = "out/x.csv"
    if_exists = "overwrite" # ERROR invalid-value: replace
    format "csv" {}
  }
}
