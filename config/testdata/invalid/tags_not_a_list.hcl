pipeline "p" {
  tags = "acme" # ERROR wrong-type: tags: want a list of strings
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
