connection "aws" "cluster" {
  region  = "eu-west-1"
  profile = "analytics" # ERROR conflicting-attributes: profile and web_identity exclude each other
  web_identity {
    role_arn   = "arn:aws:sts::123456789012:assumed-role/waybill/x" # ERROR arn-invalid: role_arn:
    token_file = "secrets/token"                                    # ERROR invalid-value: token_file: "secrets/token" is not an absolute path
    duration   = "5m"                                               # ERROR invalid-value: duration:
  }
}

pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "s3" "acme" {
    input      = source.orders
    connection = connection.cluster
    bucket     = "acme-inbox"
    key        = "orders/${run.date}.csv"
    format "csv" {}
  }
}
