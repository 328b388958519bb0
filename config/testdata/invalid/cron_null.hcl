variable "cron" {
  default   = "0 9 * * *"
  sensitive = true
}
pipeline "p" {
  schedule {
    cron = null # ERROR missing-attribute: cron is null
  }
  schedule {
    cron = var.cron # ERROR sensitive-value: cron is made from a sensitive value
  }
  schedule {
    cron = run.date # ERROR invalid-value: cron depends on run-time values
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
