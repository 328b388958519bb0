pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/fixed.parquet" # WARNING extension-mismatch: ends differently
    format "csv" {}
  }
}
