pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" { # ERROR missing-attribute: Missing required argument
    path = "out/${run.date}.csv"
    format "csv" {}
  }
}
