pipeline "p" {
  source "file" "orders" {
    path    = "orders.csv"
    columns = { id = "bigint", email = "varchar", total = "decimal(12,2)" }
    format "csv" {}
  }
  transform "sql" "t" {
    query = "SELECT id AS order_id FROM ${source.orders}"
  }
  transform "sql" "u" {
    query = "SELECT id FROM ${transform.t}" # ERROR column-not-found: there is no column "id"
  }
  sink "file" "out" {
    input = transform.u
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
