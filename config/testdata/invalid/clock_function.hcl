pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${timestamp()}.csv" # ERROR unknown-function: Call to unknown function
    format "csv" {}
  }
}
