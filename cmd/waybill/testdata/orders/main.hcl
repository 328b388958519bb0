waybill {
  timezone = "Europe/Berlin"
}

pipeline "totals" {
  schedule {
    cron = "0 9 ? * MON-FRI *"
  }

  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }

  transform "sql" "by_region" {
    query_file = "sql/by_region.sql"
  }

  sink "file" "report" {
    input    = transform.by_region
    path     = "out/${run.date}.csv"
    order_by = ["total desc"]
    format "csv" {}
  }
}
