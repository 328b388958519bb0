pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  condition "results" "c" {
    input = source.orders
    when  = "change" # ERROR invalid-value: "change" is not one of its values
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
