pipeline "p" {
  schedule {
    cron     = "30 2 * * ? *" # WARNING dst-gap: In March, on the day of the change, there is no 02:30
    timezone = "America/New_York"
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
