pipeline "p" {
  dynamic "schedule" {
    for_each = "0 9 ? * * *" # ERROR invalid-for-each: 
    content {
      cron = schedule.value
    }
  }
  dynamic "schedule" {
    for_each = var.times # ERROR unknown-reference: 
    content {
      cron = schedule.value
    }
  }
  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.in
    path  = "${run.pipeline}.csv"
    format "csv" {}
  }
}
