pipeline "p" {
   transform "sql" "t" {
    query      = "SELECT 1 AS n"
    query_file = "main.hcl" # ERROR invalid-value: both query and query_file
  }
  sink "file" "out" {
    input = transform.t
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
