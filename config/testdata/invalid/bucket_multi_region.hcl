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
    bucket     = "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap" # ERROR bucket-invalid-name: is a multi-region access point
    key        = "orders/${run.date}.csv"
    format "csv" {}
  }
}
