pipeline "p" {
  schedule { # ERROR missing-attribute: "cron" is required
    timezone = "UTC"
  }
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
