pipeline "p" {
  schedule {
    cron = "0 9 1 * MON *" # ERROR invalid-schedule: day
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
