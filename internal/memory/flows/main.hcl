# A delivery of eight times the engine's memory: rows made from a small file,
# then read again from the large one, sorted, and sent in two formats.

waybill {
  engine {
    memory_limit  = "256MiB"
    threads       = 2
    max_temp_size = "20GiB"
  }
}

connection "aws" "own" {
  region = "us-east-1"
}

pipeline "make" {
  source "file" "seeds" {
    path = "seeds.csv"
    format "csv" {}
  }

  transform "sql" "many" {
    query = <<-SQL
      SELECT s.id * 1000000 + r.range AS id, md5(concat(s.id, '-', r.range)) AS digest, s.name AS name, (s.id * 7919 + r.range * 104729) % 1000003 AS amount
      FROM ${source.seeds} s, range(1000000) r
    SQL
  }

  sink "file" "large" {
    input = transform.many
    path  = "large.csv"
    format "csv" {}
  }
}

pipeline "to_file" {
  source "file" "large" {
    path = "large.csv"
    format "csv" {}
  }

  sink "file" "sorted" {
    input    = source.large
    path     = "sorted.parquet"
    order_by = ["amount", "id"]
    format "parquet" {}
  }
}

pipeline "to_s3" {
  source "file" "large" {
    path = "large.csv"
    format "csv" {}
  }

  sink "s3" "sorted" {
    input      = source.large
    connection = connection.own
    bucket     = "inbox"
    key        = "sorted.csv"
    order_by   = ["amount", "id"]
    format "csv" {}
  }
}

pipeline "to_s3_files" {
  source "file" "large" {
    path = "large.csv"
    format "csv" {}
  }

  sink "s3" "parts" {
    input         = source.large
    connection    = connection.own
    bucket        = "inbox"
    key           = "files/part-${file.number}.csv"
    max_file_rows = 10000000
    manifest_key  = "files/manifest.json"
    success_key   = "files/_SUCCESS"
    format "csv" {}
  }
}
