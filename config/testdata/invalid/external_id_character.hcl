connection "aws" "acme" {
  region = "eu-west-1"
  assume_role {
    role_arn    = "arn:aws:iam::123456789012:role/Inbox"
    external_id = "acme 1" # ERROR external-id-invalid: external
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
