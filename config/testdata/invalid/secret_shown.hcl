pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  transform "sql" "tagged" {
    query = "SELECT *, '${secret("env://TAG")}' AS tag FROM ${source.orders}" # ERROR sensitive-value: query is made from a sensitive value
  }
  sink "file" "out" {
    input = transform.tagged
    path  = "out/${secret("env://TAG")}.csv" # ERROR sensitive-value: path is made from a sensitive value
    format "csv" {}
  }
}
