pipeline "p" {
  timeout = "2 hours" # ERROR invalid-value: "2 hours" is not a duration
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
