pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "arrow" {
    input = source.orders
    path  = "out/orders.avro" # WARNING extension-mismatch: Usual for this format: .arrows, .arrow
    format "arrow" {
      container = "stream"
    }
  }
  sink "file" "container" {
    input = source.orders
    path  = "out/container.arrow"
    format "arrow" {
      container   = "feather" # ERROR invalid-value: It is one of: file, stream
      compression = "snappy" # ERROR invalid-value: It is one of: none, lz4, zstd
    }
  }
  sink "file" "avro" {
    input = source.orders
    path  = "out/orders.avro"
    format "avro" {
      compression = "gzip" # ERROR invalid-value: It is one of: none, deflate, snappy, zstd
    }
  }
}
