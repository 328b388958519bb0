pipeline "p" {
  for_each = toset(split(",", env("CUSTOMERS"))) # ERROR invalid-for-each: not known before a run
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
