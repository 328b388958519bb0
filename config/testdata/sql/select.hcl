pipeline "p" {
  source "file" "orders" {
    path    = "orders.csv"
    columns = { id = "bigint", email = "varchar", total = "decimal(12,2)" }
    format "csv" {}
  }
  transform "select" "t" { # ERROR column-not-found: there is no column "sum"
    input   = source.orders
    columns = ["id", "sum"]
  }
  sink "file" "out" {
    input = transform.t
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
