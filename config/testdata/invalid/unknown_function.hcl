pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${uper(run.date)}.csv" # ERROR unknown-function: Call to unknown function
    format "csv" {}
  }
}
