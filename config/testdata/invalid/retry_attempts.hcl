pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {}
    retry {
      max_attempts = 1.5 # ERROR invalid-value: want a whole number
    }
  }
}
