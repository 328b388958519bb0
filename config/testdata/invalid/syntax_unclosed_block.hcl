pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {} # ERROR syntax: the { of line 2 is not closed
  sink "file" "out" {
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
