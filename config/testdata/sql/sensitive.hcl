pipeline "p" {
  sensitive_columns = ["email"]
  source "file" "people" {
    path    = "people.csv"
    columns = { id = "bigint", email = "varchar" }
    format "csv" {}
  }
  transform "mask" "hidden" {
    input = source.people
    hash  = ["email"]
  }
  transform "select" "renamed" {
    input   = source.people
    columns = ["email"]
    rename  = { email = "contact" }
  }
  sink "file" "a" {
    input = source.people # ERROR sensitive-columns: sink.a must not deliver email of source.people
    path  = "a.csv"
    format "csv" {}
  }
  sink "file" "b" {
    input    = transform.hidden
    path     = "b.csv"
    order_by = ["id desc", "emial"] # ERROR column-not-found: column "emial" does not exist in transform.hidden
    format "csv" {}
  }
  sink "file" "c" {
    input = transform.renamed # ERROR sensitive-columns: sink.c must not deliver contact of transform.renamed
    path  = "c.csv"
    format "csv" {}
  }
  sink "file" "d" {
    input           = source.people
    path            = "d.csv"
    allow_sensitive = true
    format "csv" {}
  }
}
