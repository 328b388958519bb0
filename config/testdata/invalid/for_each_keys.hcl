pipeline "p" {
  for_each = toset(["acme", "Acme"]) # ERROR invalid-for-each: in case only
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
pipeline "q" {
  for_each = { "" = 1 } # ERROR invalid-for-each: is empty
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
