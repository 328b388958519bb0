pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${file.number}.csv" # ERROR invalid-value: path uses file.number
    format "csv" {}
  }
}
