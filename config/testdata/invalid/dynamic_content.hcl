pipeline "p" {
  dynamic "schedule" { # ERROR invalid-for-each: content
    for_each = ["0 9 ? * * *"]
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
