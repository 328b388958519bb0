pipeline "p" {
  source "file" "orders" {
    path    = "orders.csv"
    columns = { id = "bigint", email = "varchar", total = "decimal(12,2)" }
    format "csv" {}
  }
  transform "sql" "t" {
    query = "SELECT emial, '${run.date}' AS day FROM ${source.orders}" # ERROR column-not-found: there is no column "emial"
  }
  sink "file" "out" {
    input = transform.t
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
