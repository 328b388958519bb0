connection "aws" "lake" {
  region            = "us-east-1"
  access_key_id     = env("KEY")
  secret_access_key = "wJalrXUtnFEMI/K7MDENG" # ERROR literal-secret: secret_access_key stands in the file in plain text
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
    key        = "orders/${run.date}.csv"
    format "csv" {}
  }
}
