pipeline "p" {
  source "file" "in" {
    path = "${each.key}.csv" # ERROR unknown-reference: each cannot be used here
    format "csv" {}
  }
  sink "file" "out" {
    input = source.in
    path  = "out.csv"
    format "csv" {}
  }
}
