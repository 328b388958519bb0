pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "values" {
    input         = source.orders
    path          = "out/${file.partition}${file.number}.csv"
    max_file_rows = 0 # ERROR invalid-value: max_file_rows is 0
    max_file_size = "0" # ERROR invalid-value: max_file_size is 0
    partition_by  = ["region", "Region"] # ERROR invalid-value: names "Region" twice
    format "csv" {}
  }
  sink "file" "empty" {
    input        = source.orders
    path         = "out/${file.partition}x.csv"
    partition_by = [] # ERROR invalid-value: partition_by is empty
    format "csv" {}
  }
}
