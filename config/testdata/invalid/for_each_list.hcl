pipeline "p" {
  for_each = ["a", "b"] # ERROR wrong-type: for_each is a tuple, whose elements have no keys
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
