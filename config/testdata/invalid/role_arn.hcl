connection "aws" "acme" {
  region = "eu-west-1"
  assume_role {
    role_arn    = "arn:aws:iam::1234:role/Inbox" # ERROR arn-invalid: 1234
    external_id = "acme-1"
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
