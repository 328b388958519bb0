pipeline "p" {
  schedule {
    cron     = "0 9 * * ? *"
    timezone = "Europe/Berlyn" # ERROR invalid-value: Europe/Berlyn
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
