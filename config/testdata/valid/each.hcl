variable "customers" {
  type = map(object({ region = string, folders = optional(list(string), []) }))
  default = {
    acme = { region = "EU", folders = ["a", "b"] }
    bolt = { region = "US" }
  }
}

pipeline "per_customer" {
  for_each    = var.customers
  description = "Orders of ${each.key}"

  dynamic "schedule" {
    for_each = each.value.region == "EU" ? ["0 9 ? * * *"] : []
    content {
      cron     = schedule.value
      timezone = "Europe/Berlin"
    }
  }

  source "file" "orders" {
    path = "data/orders.csv"
    format "csv" {}
  }

  transform "sql" "month" {
    for_each = { jan = 1, feb = 2 }
    query    = "SELECT * FROM ${source.orders} WHERE region = '${each.key}' AND month = ${each.value}"
  }

  transform "sql" "all" {
    query = join(" UNION ALL ", [for r in transform.month : "SELECT * FROM ${r}"])
  }

  sink "file" "month" {
    for_each = toset(["jan", "feb"])
    input    = transform.month[each.key]
    path     = "out/${run.pipeline}/${run.date}/${each.key}.csv"
    format "csv" {}
  }

  dynamic "sink" {
    for_each = each.value.folders
    labels   = ["file", "folder_${sink.value}"]
    content {
      input = transform.all
      path  = "out/${run.pipeline}/${run.date}/${sink.value}/all.csv"
      format "csv" {}
    }
  }

  sink "file" "one" {
    input = transform.month["jan"]
    path  = "out/${run.pipeline}/${run.date}/one.csv"
    format "csv" {}
  }
}
