# One query, two partners: Acme gets the orders, Birdwatch the totals.

variable "acme_external_id" {
  type    = string
  default = "acme-7f3c"
}

connection "aws" "lake" {
  region = "us-east-1"
}

connection "aws" "acme" {
  region = "eu-west-1"

  assume_role {
    role_arn    = "arn:aws:iam::222222222222:role/Inbox"
    external_id = var.acme_external_id
  }
}

connection "aws" "birdwatch" {
  region = "us-east-1"

  assume_role {
    role_arn    = "arn:aws:iam::333333333333:role/Drop"
    external_id = "birdwatch-2024"
  }
}

pipeline "orders" {
  source "athena" "orders" {
    connection      = connection.lake
    database        = "sales"
    output_location = "s3://lake-results/waybill/"
    query_file      = "sql/orders.sql"
  }

  transform "sql" "by_region" {
    query_file = "sql/by_region.sql"
  }

  sink "s3" "acme" {
    input      = source.orders
    connection = connection.acme
    bucket     = "acme-inbox"
    key        = "orders/${run.date}.csv"
    order_by   = ["id"]
    format "csv" {}

    retry {
      max_attempts    = 4
      initial_backoff = "10ms"
      max_backoff     = "50ms"
    }
  }

  sink "s3" "birdwatch" {
    input      = transform.by_region
    connection = connection.birdwatch
    bucket     = "birdwatch-drop"
    key        = "totals/${run.date}.csv"
    order_by   = ["region"]
    format "csv" {}
  }
}
