pipeline "p" {
  source "file" "orders" {
    path    = "orders.csv"
    columns = { id = "bigint", email = "varchar", total = "decimal(12,2)" }
    format "csv" {}
  }
  transform "sql" "t" {
    query = "SELECT * FROM ${source.orders}"
  }
  check "not_null" "filled" { # ERROR column-not-found: there is no column "phone"
    input   = transform.t
    columns = ["phone"]
  }
  sink "file" "out" {
    input = transform.t
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
