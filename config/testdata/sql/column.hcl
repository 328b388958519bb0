pipeline "p" {
  source "file" "orders" {
    path    = "orders.csv"
    columns = { id = "bigint", email = "varchar", total = "decimal(12,2)" }
    format "csv" {}
  }
  transform "sql" "t" {
    query = "SELECT emial FROM ${source.orders}" # ERROR column-not-found: Did you mean "email"?
  }
  sink "file" "out" {
    input = transform.t
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
