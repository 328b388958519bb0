pipeline "p" {
  source "file" "orders" {
    path    = "orders.csv"
    columns = { id = "bigint", region = "varchar" }
    format "csv" {}
  }
  sink "file" "parts" {
    input        = source.orders
    path         = "parts/${file.partition}all.csv"
    partition_by = ["Region", "regoin"] # ERROR column-not-found: column "regoin" does not exist in source.orders
    format "csv" {}
  }
  sink "file" "changes" {
    input       = source.orders
    path        = "changes.csv"
    mode        = "diff"
    key_columns = ["di"] # ERROR column-not-found: column "di" does not exist in source.orders
    order_by    = ["_change", "ID desc"]
    format "csv" {}
  }
  sink "file" "all" {
    input    = source.orders
    path     = "all.csv"
    order_by = ["_change"] # ERROR column-not-found: column "_change" does not exist in source.orders
    format "csv" {}
  }
}
