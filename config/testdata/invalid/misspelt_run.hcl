pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${run.dat}.csv" # ERROR unknown-reference: there is no run.dat
    format "csv" {}
  }
}
