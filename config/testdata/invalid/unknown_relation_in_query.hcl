pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  transform "sql" "t" {
    query = "SELECT * FROM ${source.order}" # ERROR unknown-reference: no source is called "order"
  }
  sink "file" "out" {
    input = transform.t
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
