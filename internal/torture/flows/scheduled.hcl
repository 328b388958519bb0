# A slot every minute, fired and carried by a daemon.

connection "aws" "own" {
  region = "us-east-1"
}

# Trials run at the same time for the same slots: each has a place of its own.
variable "trial" {
  type = string
}

pipeline "scheduled" {
  schedule {
    cron     = "* * * * *"
    catch_up = "all"
  }

  source "file" "orders" {
    path = "data/orders.csv"
    format "csv" {}
  }

  sink "s3" "own" {
    input      = source.orders
    connection = connection.own
    bucket     = "own-inbox"
    key        = "scheduled/${var.trial}/${formatdate("YYYYMMDD-hhmm", run.scheduled_at)}.csv"
    order_by   = ["id"]
    format "csv" {}

    retry {
      max_attempts    = 3
      initial_backoff = "10ms"
      max_backoff     = "50ms"
    }
  }
}
