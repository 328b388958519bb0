pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  transform "sql" "t" {
    query = "SELECT * FROM ${source["orders"]}" # ERROR dynamic-reference: source[…] is not allowed
  }
  sink "file" "out" {
    input = transform.t
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
