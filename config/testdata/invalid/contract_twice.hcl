pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    columns = {
      id = "bigint"
      ID = "bigint" # ERROR invalid-value: the column "ID" is promised twice
    }
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
