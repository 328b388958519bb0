pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "modes" {
    input = source.orders
    path  = "out/modes.csv"
    format "csv" {
      quote_mode  = "some" # ERROR invalid-value: "some" is not one of its values
      line_ending = "cr" # ERROR invalid-value: It is one of: lf, crlf
      encoding    = "utf8" # ERROR invalid-value: Did you mean "utf-8"?
    }
  }
  sink "file" "null" {
    input = source.orders
    path  = "out/null.csv"
    format "csv" {
      encoding = "windows-1252"
      null     = "∅" # ERROR invalid-value: null: "∅" has a character that windows-1252 lacks
    }
  }
  sink "file" "lines" {
    input = source.orders
    path  = "out/lines.json"
    format "json" {
      line_ending = "crlf" # ERROR unknown-attribute: Unsupported argument
    }
  }
  sink "file" "archive" {
    input = source.orders
    path  = "out/archive.csv" # WARNING extension-mismatch: .csv.zip
    format "csv" {
      compression = "zip"
    }
  }
}
