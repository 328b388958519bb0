pipeline "p" {
  schedule {
    cron = "0 9 31 2 ? *" # ERROR invalid-schedule: never fires
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
