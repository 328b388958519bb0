# Several files by a number of rows, with a manifest and a success file.

connection "aws" "own" {
  region = "us-east-1"
}

pipeline "files" {
  source "file" "orders" {
    path = "data/orders.csv"
    format "csv" {}
  }

  sink "s3" "own" {
    input         = source.orders
    connection    = connection.own
    bucket        = "own-inbox"
    key           = "files/${run.date}/orders-${file.number}.csv"
    order_by      = ["id"]
    max_file_rows = 60
    manifest_key  = "files/${run.date}/manifest.json"
    success_key   = "files/${run.date}/_SUCCESS"
    format "csv" {}

    retry {
      max_attempts    = 3
      initial_backoff = "10ms"
      max_backoff     = "50ms"
    }
  }
}
