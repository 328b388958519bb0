pipeline "p" {
  source "file" "orders" {
    path    = "orders.csv"
    columns = { id = "bigserial" } # ERROR invalid-value: bigserial
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
