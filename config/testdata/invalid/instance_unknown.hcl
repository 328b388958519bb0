pipeline "p" {
  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  transform "sql" "part" {
    for_each = toset(["a", "b"])
    query    = "SELECT '${each.key}' AS part, * FROM ${source.in}"
  }
  sink "file" "a" {
    input = transform.part["c"] # ERROR invalid-index: 
    path  = "a.csv"
    format "csv" {}
  }
  sink "file" "b" {
    input = transform.part # ERROR wrong-type: names all instances
    path  = "b.csv"
    format "csv" {}
  }
  sink "file" "c" {
    input = transform.part["b"]
    path  = "c.csv"
    format "csv" {}
  }
  sink "file" "d" {
    input = transform.part["a"]
    path  = "d.csv"
    format "csv" {}
  }
}
