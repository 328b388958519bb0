pipeline "p" {
  for_each = toset(["a", "b"])
  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.in
    path  = "out.csv" # ERROR key-collision: p["b"] and sink.out of pipeline p["a"]
    format "csv" {}
  }
}
