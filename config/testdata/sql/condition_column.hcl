pipeline "p" {
  source "file" "orders" {
    path    = "orders.csv"
    columns = { id = "bigint", total = "bigint" }
    format "csv" {}
  }
  condition "sql" "c" {
    query = "SELECT sum(totl) > 1 FROM ${source.orders}" # ERROR column-not-found: Did you mean "total"?
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
