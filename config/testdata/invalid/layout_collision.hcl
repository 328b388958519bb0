pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "numbers" {
    input         = source.orders
    path          = "out/${substr(file.number, 6, 1)}.csv" # ERROR key-collision: two files of sink.numbers have the same name
    max_file_rows = 10
    format "csv" {}
  }
  sink "file" "partitions" {
    input        = source.orders
    path         = "out/${lower(file.partition)}all.csv" # ERROR key-collision: two files of sink.partitions have the same name
    partition_by = ["region"]
    format "csv" {}
  }
  sink "file" "marked" {
    input        = source.orders
    path         = "out/marked.csv"
    success_key  = "out/marked/_SUCCESS"
    manifest_key = "out/marked/../marked/_SUCCESS" # ERROR key-collision: manifest_key and success_key of sink.marked are the same name
    format "csv" {}
  }
  sink "file" "replaced" {
    input       = source.orders
    path        = "out/replaced.csv"
    success_key = "out/replaced.csv" # ERROR key-collision: success_key and path of sink.replaced are the same name
    format "csv" {}
  }
  sink "file" "reader" {
    input       = source.orders
    path        = "out/reader.csv"
    success_key = "orders.csv" # ERROR path-reserved: would replace what it is made from
    format "csv" {}
  }
}
