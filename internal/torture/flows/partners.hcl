# Two partners, each with a bucket, a region and a role of its own: one gets
# rows in parts, the other what they add up to.

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

connection "aws" "birdwatch" {
  region = "us-east-1"

  assume_role {
    role_arn    = "arn:aws:iam::333333333333:role/Drop"
    external_id = "birdwatch-2024"
  }
}

pipeline "partners" {
  source "athena" "orders" {
    connection      = connection.lake
    database        = "sales"
    output_location = "s3://lake-results/waybill/"
    query           = "SELECT id, region, amount FROM orders"
  }

  transform "sql" "many" {
    query = <<-SQL
      SELECT o.id, r.range AS n, md5(concat(o.id, '-', r.range)) AS digest
      FROM ${source.orders} o, range(140000) r
      WHERE o.id <= 3
    SQL
  }

  transform "sql" "by_region" {
    query = <<-SQL
      SELECT region, count(*) AS orders, CAST(sum(amount) AS bigint) AS amount
      FROM ${source.orders}
      GROUP BY region
    SQL
  }

  sink "s3" "acme" {
    input      = transform.many
    connection = connection.acme
    bucket     = "acme-inbox"
    key        = "partners/${run.date}.csv"
    order_by   = ["id", "n"]
    format "csv" {}

    retry {
      max_attempts    = 3
      initial_backoff = "10ms"
      max_backoff     = "50ms"
    }
  }

  sink "s3" "birdwatch" {
    input      = transform.by_region
    connection = connection.birdwatch
    bucket     = "birdwatch-drop"
    key        = "partners/${run.date}.csv"
    order_by   = ["region"]
    format "csv" {}

    retry {
      max_attempts    = 3
      initial_backoff = "10ms"
      max_backoff     = "50ms"
    }
  }
}
