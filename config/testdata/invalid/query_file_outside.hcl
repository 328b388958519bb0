pipeline "p" {
   transform "sql" "t" {
    query_file = "../secrets.sql" # ERROR file-not-readable: cannot read ../secrets.sql
  }
  sink "file" "out" {
    input = transform.t
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
