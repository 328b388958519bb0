pipeline "p" {
  source "file" "orders" {
    path    = "orders.csv"
    columns = { id = "bigint", email = "varchar", total = "decimal(12,2)" }
    format "csv" {}
  }
  transform "sql" "t" {
    query = "DELETE FROM ${source.orders}" # ERROR sql-refused: not a plain SELECT
  }
  sink "file" "out" {
    input = transform.t
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
