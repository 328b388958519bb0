pipeline "overlapping" {
  schedule {
    cron    = "0 9 * * *"
    overlap = "allow"
  }
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "changes" {
    input       = source.orders
    path        = "out/changes.csv"
    mode        = "diff" # ERROR conflicting-attributes: does not go with overlap = "allow"
    key_columns = ["id"]
    format "csv" {}
  }
}

pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "keyless" {
    input = source.orders
    path  = "out/a.csv"
    mode  = "diff" # ERROR missing-attribute: needs key_columns
    format "csv" {}
  }
  sink "file" "modeless" {
    input       = source.orders
    path        = "out/b.csv"
    key_columns = ["id"] # ERROR invalid-value: belongs to mode = "diff"
    format "csv" {}
  }
  sink "file" "twice" {
    input       = source.orders
    path        = "out/c.csv"
    mode        = "diff"
    key_columns = ["id", "ID"] # ERROR invalid-value: names "ID" twice
    format "csv" {}
  }
  sink "file" "empty" {
    input       = source.orders
    path        = "out/d.csv"
    mode        = "diff"
    key_columns = [] # ERROR invalid-value: key_columns is empty
    format "csv" {}
  }
}
