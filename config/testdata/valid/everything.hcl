waybill {
  required_version    = ">= 0.1, < 1.0"
  timezone            = "Europe/Berlin"
  max_concurrent_runs = 4

  engine {
    memory_limit = "2GiB"
    threads      = 2
  }
  retention {
    runs = "30d"
  }
  retry {
    max_attempts = 4
  }
}

variable "env" {
  type        = string
  default     = "dev"
  description = "Where this runs."

  validation {
    condition     = contains(["dev", "prod"], var.env)
    error_message = "env is dev or prod."
  }
}

variable "acme_external_id" {
  type      = string
  default   = "acme-1"
  sensitive = true
}

locals {
  bucket = "acme-${local.stage}-inbox"
  stage  = lower(var.env)
}

connection "aws" "lake" {
  region            = "us-east-1"
  access_key_id     = env("LAKE_KEY")
  secret_access_key = secret("aws-sm://prod/lake?region=eu-west-1#secret_access_key")
}

connection "aws" "acme" {
  region = "eu-west-1"

  web_identity {
    role_arn   = "arn:aws:iam::111122223333:role/waybill"
    token_file = env("AWS_WEB_IDENTITY_TOKEN_FILE")
  }

  assume_role {
    role_arn     = "arn:aws:iam::123456789012:role/Inbox"
    external_id  = var.acme_external_id
    session_name = "waybill-${run.pipeline}"
    duration     = "1h"
  }
}

pipeline "daily_orders" {
  description = "Orders by region"
  owner       = "growth"
  tags        = ["acme"]
  timeout     = "2h"

  schedule {
    cron     = "0 9 ? * MON-FRI *"
    timezone = "America/New_York"
    catch_up = "all"
  }
  schedule {
    cron = "0 12 1 * *"
  }

  wait_for "s3" "upstream" {
    connection = connection.lake
    bucket     = "lake-inbox"
    key        = "orders/${run.date}/_SUCCESS"
    timeout    = "30m"
    poll       = "10s"
    on_timeout = "skip"
  }
  wait_for "file" "export" {
    path = "data/${run.date}.done"
  }

  source "athena" "orders" {
    connection      = connection.lake
    database        = "sales"
    output_location = "s3://lake-results/waybill/"
    query           = "SELECT id, region_id, total FROM orders WHERE day = CAST(? AS date)"
    parameters      = [run.date]
    timeout         = "30m"
  }

  source "file" "regions" {
    path    = "data/regions.csv"
    columns = { region_id = "integer", name = "varchar" }
    format "csv" {
      header = true
    }
  }

  transform "sql" "by_region" {
    query = "SELECT r.name, sum(o.total) AS total FROM ${source.orders} o JOIN ${source.regions} r USING (region_id) GROUP BY 1"
  }

  check "row_count" "some" {
    input = transform.by_region
    min   = 1
  }

  check "unique" "names" {
    input    = transform.by_region
    columns  = ["name"]
    severity = "warn"
  }

  condition "results" "new" {
    input = transform.by_region
    when  = "changed"
  }

  sink "s3" "acme" {
    input      = transform.by_region
    connection = connection.acme
    bucket     = local.bucket
    key        = "reports/${run.date}/by_region.parquet"
    order_by   = ["name"]
    if_empty   = "skip"
    format "parquet" {
      compression = "snappy"
    }
    retry {
      max_attempts    = 5
      initial_backoff = "2s"
      max_backoff     = "1m"
      max_elapsed     = "1h"
    }
  }

  sink "file" "copy" {
    input = transform.by_region
    path  = "out/${date_add(run.date, -1, "day")}.csv"
    format "csv" {
      delimiter = "|"
    }
  }
}
