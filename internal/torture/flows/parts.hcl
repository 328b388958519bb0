# One file that goes up in three parts.

connection "aws" "own" {
  region = "us-east-1"
}

pipeline "parts" {
  source "file" "orders" {
    path = "data/orders.csv"
    format "csv" {}
  }

  transform "sql" "many" {
    query = <<-SQL
      SELECT o.id, r.range AS n, md5(concat(o.id, '-', r.range)) AS digest
      FROM ${source.orders} o, range(140000) r
      WHERE o.id <= 3
    SQL
  }

  sink "s3" "own" {
    input      = transform.many
    connection = connection.own
    bucket     = "own-inbox"
    key        = "parts/${run.date}.csv"
    order_by   = ["id", "n"]
    format "csv" {}

    retry {
      max_attempts    = 3
      initial_backoff = "10ms"
      max_backoff     = "50ms"
    }
  }
}
