# A file for each region, with a manifest and a success file.

connection "aws" "own" {
  region = "us-east-1"
}

pipeline "partitions" {
  source "file" "orders" {
    path = "data/orders.csv"
    format "csv" {}
  }

  sink "s3" "own" {
    input        = source.orders
    connection   = connection.own
    bucket       = "own-inbox"
    key          = "partitions/${run.date}/${file.partition}orders.csv"
    order_by     = ["id"]
    partition_by = ["region"]
    manifest_key = "partitions/${run.date}/manifest.json"
    success_key  = "partitions/${run.date}/_SUCCESS"
    format "csv" {}

    retry {
      max_attempts    = 3
      initial_backoff = "10ms"
      max_backoff     = "50ms"
    }
  }
}
