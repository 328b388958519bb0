variable "token" {
  default   = "x"
  sensitive = true
}

pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${var.token}.csv" # ERROR sensitive-value: path is made from a sensitive value
    format "csv" {}
  }
}
