# Several files: numbered, partitioned, with a manifest and a success file.
pipeline "layout" {
  source "file" "orders" {
    path = "data/layout.csv"
    format "csv" {}
  }

  sink "s3" "partitioned" {
    input         = source.orders
    bucket        = "acme-layout"
    key           = "layout/${run.date}/${file.partition}part-${file.number}.parquet"
    partition_by  = ["region", "day"]
    order_by      = ["name", "total desc"]
    max_file_rows = 1000000
    max_file_size = "512MiB"
    manifest_key  = "layout/${run.date}/manifest.json"
    if_exists     = "fail"
    format "parquet" {}
  }

  sink "file" "numbered" {
    input         = source.orders
    path          = "out/layout/${run.date}/${file.number}.csv"
    max_file_rows = 10
    success_key   = "out/layout/${run.date}/_SUCCESS"
    manifest_key  = "out/layout/${run.date}/manifest.json"
    if_exists     = "skip"
    format "csv" {}
  }

  sink "file" "by_day" {
    input        = source.orders
    path         = "out/by_day/${file.partition}${run.date}.csv"
    partition_by = ["day"]
    format "csv" {}
  }

  sink "file" "changes" {
    input       = source.orders
    path        = "out/changes/${run.date}.csv"
    mode        = "diff"
    key_columns = ["region", "name"]
    if_empty    = "skip"
    format "csv" {}
  }
}
