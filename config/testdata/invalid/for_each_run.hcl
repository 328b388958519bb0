pipeline "p" {
  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  sink "file" "out" {
    for_each = toset([run.date]) # ERROR unknown-reference: run cannot be used here
    input    = source.in
    path     = "out.csv"
    format "csv" {}
  }
}
