pipeline "p" {
  schedule {
    cron = "0 25 * * ? *" # ERROR invalid-schedule: 25
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
