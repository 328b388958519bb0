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
    bucket     = "Acme_Inbox" # ERROR bucket-invalid-name: Acme_Inbox
    key        = "orders/${run.date}.csv"
    format "csv" {}
  }
}
