pipeline "p" { # ERROR no-sink: pipeline "p" delivers nothing
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
}
