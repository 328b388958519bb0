# One small file, one PUT.

connection "aws" "own" {
  region = "us-east-1"
}

pipeline "single" {
  source "file" "orders" {
    path = "data/orders.csv"
    format "csv" {}
  }

  sink "s3" "own" {
    input      = source.orders
    connection = connection.own
    bucket     = "own-inbox"
    key        = "single/${run.date}.csv"
    order_by   = ["id"]
    format "csv" {}

    retry {
      max_attempts    = 3
      initial_backoff = "10ms"
      max_backoff     = "50ms"
    }
  }
}
