pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "rows" {
    input         = source.orders
    path          = "out/rows.csv" # ERROR invalid-value: path does not use file.number
    max_file_rows = 10
    format "csv" {}
  }
  sink "file" "size" {
    input         = source.orders
    # ERROR-BELOW invalid-value: path does not use file.number
    path          = "out/${file.partition}size.csv" # ERROR invalid-value: the sink has no partition_by
    max_file_size = "1MiB"
    format "csv" {}
  }
  sink "file" "partitions" {
    input        = source.orders
    # ERROR-BELOW invalid-value: path does not use file.partition
    path         = "out/${file.number}.csv" # ERROR invalid-value: the sink has no max_file_rows
    partition_by = ["region"]
    format "csv" {}
  }
  sink "file" "markers" {
    input         = source.orders
    path          = "out/markers-${file.number}.csv"
    max_file_rows = 10
    success_key   = "out/${file.number}/_SUCCESS" # ERROR invalid-value: success_key uses file.number
    manifest_key  = "out/${file.partition}manifest.json" # ERROR invalid-value: manifest_key uses file.partition
    format "csv" {}
  }
}
