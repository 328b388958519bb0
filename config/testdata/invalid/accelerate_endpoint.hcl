connection "aws" "lake" {
  region = "us-east-1"
  endpoint {
    s3 = "https://minio.example.com"
  }
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
    accelerate = true # ERROR invalid-value: the connection has an endpoint
    key        = "orders/${run.date}.csv"
    format "csv" {}
  }
}
