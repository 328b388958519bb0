waybill {
  engine {
    memory_limit = "lots" # ERROR invalid-value: "lots" is not a size
  }
}

pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
