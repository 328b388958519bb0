# A query of Athena, delivered with a role of the partner's.

connection "aws" "lake" {
  region = "us-east-1"
}

connection "aws" "acme" {
  region = "eu-west-1"

  assume_role {
    role_arn    = "arn:aws:iam::222222222222:role/Inbox"
    external_id = "acme-7f3c"
  }
}

pipeline "athena" {
  source "athena" "orders" {
    connection      = connection.lake
    database        = "sales"
    output_location = "s3://lake-results/waybill/"
    query           = "SELECT id, region, amount FROM orders"

    retry {
      max_attempts    = 3
      initial_backoff = "10ms"
      max_backoff     = "50ms"
    }
  }

  sink "s3" "acme" {
    input      = source.orders
    connection = connection.acme
    bucket     = "acme-inbox"
    key        = "athena/${run.date}.csv"
    order_by   = ["id"]
    format "csv" {}

    retry {
      max_attempts    = 3
      initial_backoff = "10ms"
      max_backoff     = "50ms"
    }
  }
}
