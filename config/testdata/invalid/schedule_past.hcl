pipeline "p" {
  schedule {
    cron = "0 9 1 1 ? 2020" # ERROR schedule-never: never fires
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
