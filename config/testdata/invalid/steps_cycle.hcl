pipeline "p" {
   transform "sql" "a" { # ERROR cycle: depend on each other in a circle
    query = "SELECT * FROM ${transform.b}"
  }
  transform "sql" "b" {
    query = "SELECT * FROM ${transform.a}"
  }
  sink "file" "out" {
    input = transform.a
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
