pipeline "p" {
  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.in
    path  = "${run.pipeline}.csv"
    format "csv" {}
  }
  source "file" "IN" { # ERROR duplicate-name: a second source is called "IN"
    path = "in2.csv"
    format "csv" {}
  }
}
