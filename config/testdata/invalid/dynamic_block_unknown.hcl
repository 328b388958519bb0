pipeline "p" {
  dynamic "shedule" { # ERROR unknown-block: 
    for_each = ["0 9 ? * * *"]
    content {
      cron = shedule.value
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
