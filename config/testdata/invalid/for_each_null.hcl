variable "all" {
  type    = map(string)
  default = null
}
pipeline "p" {
  for_each = var.all # ERROR invalid-for-each: for_each is null
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
