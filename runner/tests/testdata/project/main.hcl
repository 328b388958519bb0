variable "least" {
  type    = number
  default = 1
}

variable "salt" {
  type      = string
  sensitive = true
  default   = "pepper-and-salt"
}

pipeline "totals" {
  schedule {
    cron     = "0 9 * * ? *"
    timezone = "America/New_York"
  }

  source "file" "orders" {
    path    = "orders.csv"
    columns = { id = "bigint", region = "varchar", total = "decimal(12,2)", day = "date" }
    format "csv" {}
  }

  source "file" "regions" {
    path = "regions.csv"
    format "csv" {}
  }

  transform "sql" "by_region" {
    query = "SELECT r.name, sum(o.total) AS total, count(*) AS orders FROM ${source.orders} o JOIN ${source.regions} r ON r.code = o.region GROUP BY ALL"
  }

  transform "sql" "whole" {
    query = "SELECT name, CAST(total AS tinyint) AS total FROM ${transform.by_region}"
  }

  check "row_count" "some" {
    input = transform.by_region
    min   = var.least
  }

  check "sql" "positive" {
    query    = "SELECT * FROM ${transform.by_region} WHERE total < 0"
    severity = "warn"
  }

  condition "results" "new" {
    input = transform.by_region
    when  = "changed"
  }

  condition "sql" "big" {
    query = "SELECT coalesce(sum(total), 0) > -100 FROM ${transform.by_region}"
  }

  sink "file" "csv" {
    input    = transform.by_region
    path     = "out/${run.date}/totals.csv"
    order_by = ["total desc"]
    format "csv" {}
  }

  sink "file" "packed" {
    input    = transform.whole
    path     = "out/${run.date}/all.ndjson.gz"
    if_empty = "skip"
    order_by = ["name"]

    format "ndjson" {
      compression = "gzip"
    }
  }
}

pipeline "masked" {
  source "file" "people" {
    path = "people.csv"
    format "csv" {}
  }

  transform "mask" "hidden" {
    input = source.people
    hash  = ["name"]
    salt  = var.salt
  }

  sink "file" "parquet" {
    input    = transform.hidden
    path     = "people/${env("WAYBILL_TEST_UNSET")}.parquet"
    if_empty = "fail"
    format "parquet" {}
  }
}

pipeline "types" {
  source "file" "all" {
    path = "all.parquet"
    format "parquet" {}
  }

  transform "sql" "all" {
    query = "SELECT * FROM ${source.all}"
  }

  sink "file" "out" {
    input = transform.all
    path  = "types.parquet"
    format "parquet" {}
  }
}
