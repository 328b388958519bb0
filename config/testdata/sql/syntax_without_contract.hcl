pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  transform "sql" "t" {
    query = "SELECT id, FROM WHERE ${source.orders}" # ERROR transform-failed: The query is not SQL
  }
  sink "file" "out" {
    input = transform.t
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
