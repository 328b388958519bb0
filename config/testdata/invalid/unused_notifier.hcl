notifier "webhook" "ops" { # WARNING unused: notifier.ops is used by nothing
  url = env("OPS_URL")
}
pipeline "p" {
  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.in
    path  = "out.csv"
    format "csv" {}
  }
}
