pipeline "p" {
  source "file" "orders" {
    path    = "orders.csv"
    columns = { "" = "bigint", id = "bigint" } # ERROR invalid-value: a promised column has no name
    format "csv" {}
  }
  transform "select" "renamed" {
    input   = source.orders
    columns = ["id"]
    rename  = { id = "" } # ERROR invalid-value: a column would have no name
  }
  transform "select" "named" {
    input   = source.orders
    columns = [""] # ERROR invalid-value: a column would have no name
  }
  sink "file" "out" {
    input = transform.renamed
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
  sink "file" "more" {
    input = transform.named
    path  = "more/${run.date}.csv"
    format "csv" {}
  }
}
