connection "aws" "lake" {
  region = "us-east-1"
}

pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "s3" "acme" {
    input       = source.orders
    connection  = connection.lake
    bucket      = "acme-inbox"
    key         = "orders/${run.date}.csv"
    success_key = "orders/${run.date}/_SUCCESS" # WARNING needs-permission: s3:DeleteObject
    format "csv" {}
  }
}
