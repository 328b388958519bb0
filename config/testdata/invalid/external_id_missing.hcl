connection "aws" "acme" {
  region = "eu-west-1"
  assume_role { # ERROR external-id-missing: external
    role_arn    = "arn:aws:iam::123456789012:role/Inbox"
  }
}

pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "s3" "acme" {
    input      = source.orders
    connection = connection.acme
    bucket     = "acme-inbox"
    key        = "orders/${run.date}.csv"
    format "csv" {}
  }
}
