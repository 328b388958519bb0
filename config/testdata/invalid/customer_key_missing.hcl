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
    bucket     = "acme-inbox"
    encryption {
      sse = "customer" # ERROR invalid-value: needs a key
    }
    key        = "orders/${run.date}.csv"
    format "csv" {}
  }
}
