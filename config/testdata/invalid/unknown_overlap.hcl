pipeline "p" {
  schedule {
    cron    = "0 9 * * ? *"
    overlap = "que" # ERROR invalid-value: "que" is not one of its values
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
