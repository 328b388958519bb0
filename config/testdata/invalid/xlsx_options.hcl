pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "long" {
    input = source.orders
    path  = "out/long.xlsx"
    format "xlsx" {
      sheet = "A name of more than thirty-one characters" # ERROR invalid-value: sheet: "A name of more than thirty-one characters" has more than 31
    }
  }
  sink "file" "characters" {
    input = source.orders
    path  = "out/characters.xlsx"
    format "xlsx" {
      sheet = "orders/day" # ERROR invalid-value: has a character that no sheet's name may have
    }
  }
  sink "file" "widths" {
    input = source.orders
    path  = "out/widths.xlsx"
    format "xlsx" {
      column_widths = { name = 300 } # ERROR invalid-value: column_widths: "name" is 300 and not from 1 to 255
    }
  }
  sink "file" "types" {
    input = source.orders
    path  = "out/types.xlsx"
    format "xlsx" {
      column_widths = { name = "wide" } # ERROR wrong-type: column_widths: want a map of numbers
      compression   = "gzip" # ERROR unknown-attribute: Unsupported argument
    }
  }
  sink "file" "colors" {
    input = source.orders
    path  = "out/colors.xls" # WARNING extension-mismatch: Usual for this format: .xlsx
    format "xlsx" {
      header_style {
        fill = "blue" # ERROR invalid-value: header_style.fill: "blue" is no color
      }
    }
  }
  sink "file" "empty" {
    input = source.orders
    path  = "out/empty.xlsx"
    format "xlsx" {
      column_widths = { name = null } # ERROR invalid-value: the value of "name" is null
    }
  }
}
