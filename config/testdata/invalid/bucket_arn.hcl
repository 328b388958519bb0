connection "aws" "lake" {
  region = "us-east-1"
}

pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "s3" "acme" {
    input      = source.orders
    connection = connection.lake
    bucket     = "arn:aws:s3:::acme-inbox" # ERROR bucket-invalid-name: is the ARN of a bucket
    key        = "orders/${run.date}.csv"
    format "csv" {}
  }
}
