variable "tenants" {
  type      = set(string)
  default   = ["a"]
  sensitive = true
}
pipeline "p" {
  for_each = var.tenants # ERROR sensitive-value: for_each is made from a sensitive value
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
