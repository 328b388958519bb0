pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${date_add(run.date, 1)}.csv" # ERROR function-failed: Not enough function arguments
    format "csv" {}
  }
}
