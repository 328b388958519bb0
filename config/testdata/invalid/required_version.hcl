waybill {
  required_version = ">= 99.0" # ERROR version-mismatch: the project asks for >= 99.0
}

pipeline "p" {
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
