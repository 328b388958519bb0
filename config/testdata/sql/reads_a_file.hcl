pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  transform "sql" "t" {
    query = "SELECT * FROM read_csv('/etc/passwd'), ${source.orders}" # ERROR sql-refused: read_csv
  }
  sink "file" "out" {
    input = transform.t
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
