pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input    = source.orders
    path     = "out/${run.date}.csv"
    order_by = ["id", " "] # ERROR invalid-value: order_by has an empty name
    format "csv" {}
  }
}
