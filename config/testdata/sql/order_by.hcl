pipeline "p" {
  source "file" "orders" {
    path    = "orders.csv"
    columns = { id = "bigint", "unit price" = "double" }
    format "csv" {}
  }
  sink "file" "out" {
    input    = source.orders
    path     = "out/${run.date}.csv"
    order_by = ["id b c"] # ERROR column-not-found: column "id b c" does not exist in source.orders
    format "csv" {}
  }
  sink "file" "direction" {
    input    = source.orders
    path     = "more/${run.date}.csv"
    order_by = ["id down"] # ERROR column-not-found: column "id down" does not exist in source.orders
    format "csv" {}
  }
  sink "file" "good" {
    input    = source.orders
    path     = "good/${run.date}.csv"
    order_by = ["unit price desc", "ID asc"]
    format "csv" {}
  }
}
