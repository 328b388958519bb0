# Every format, with options that go together.
pipeline "formats" {
  source "file" "orders" {
    path = "data/formats.csv"
    format "csv" {}
  }

  sink "file" "excel" {
    input = source.orders
    path  = "out/formats/${run.date}.csv"
    format "csv" {
      delimiter       = ";"
      quote_mode      = "non_numeric"
      line_ending     = "crlf"
      encoding        = "windows-1252"
      null            = "NULL"
      row_number      = "line"
      escape_formulas = true
      date_format     = "%d.%m.%Y"
    }
  }

  sink "file" "archive" {
    input         = source.orders
    path          = "out/formats/${run.date}-${file.number}.json.zip"
    max_file_rows = 1000
    format "json" {
      compression = "zip"
    }
  }

  sink "file" "encrypted" {
    input = source.orders
    path  = "out/formats/${run.date}.ndjson.tar.gz.asc"
    format "ndjson" {
      compression = "tgz"
    }
    pgp {
      public_key = env("ACME_PGP_KEY")
      armor      = true
    }
  }

  sink "file" "sheet" {
    input = source.orders
    path  = "out/formats/${run.date}.xlsx"
    format "xlsx" {
      sheet         = "Orders"
      freeze_header = false
      autofilter    = true
      column_widths = { name = 30 }
      header_style {
        bold  = false
        fill  = "#1F4E78"
        color = "#FFFFFF"
      }
    }
  }

  sink "file" "arrow" {
    input = source.orders
    path  = "out/formats/${run.date}.arrows"
    format "arrow" {
      container   = "stream"
      compression = "lz4"
    }
  }

  sink "file" "avro" {
    input = source.orders
    path  = "out/formats/${run.date}.avro"
    format "avro" {
      compression = "zstd"
    }
  }
}
