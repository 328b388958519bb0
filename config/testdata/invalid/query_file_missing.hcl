pipeline "p" {
   transform "sql" "t" {
    query_file = "nowhere.sql" # ERROR file-not-readable: cannot read nowhere.sql
  }
  sink "file" "out" {
    input = transform.t
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
