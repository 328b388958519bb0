pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "attempt" {
    input = source.orders
    path  = "out/a-${run.attempt}.csv" # ERROR invalid-value: path depends on run.attempt
    format "csv" {}
  }
  sink "file" "run" {
    input        = source.orders
    path         = "out/b/${run.date}.csv"
    success_key  = "out/b/${substr(run.id, 0, 4)}/_SUCCESS" # ERROR invalid-value: success_key depends on run.id
    manifest_key = "out/b/${run["trigger"]}.json" # ERROR invalid-value: manifest_key depends on run.trigger
    format "csv" {}
  }
}
