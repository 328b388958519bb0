pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.order # ERROR unknown-reference: no source is called "order"
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
