pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = "orders" # ERROR wrong-type: input wants a reference
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
