pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {
      row_group_rows = 1000 # ERROR unknown-attribute: Unsupported argument
    }
  }
}
