# What has changed since the slot before.

connection "aws" "own" {
  region = "us-east-1"
}

pipeline "diff" {
  source "file" "orders" {
    path = "data/orders.csv"
    format "csv" {}
  }

  sink "s3" "own" {
    input       = source.orders
    connection  = connection.own
    bucket      = "own-inbox"
    key         = "diff/${run.date}.csv"
    order_by    = ["id"]
    mode        = "diff"
    key_columns = ["id"]
    format "csv" {}

    retry {
      max_attempts    = 3
      initial_backoff = "10ms"
      max_backoff     = "50ms"
    }
  }
}
