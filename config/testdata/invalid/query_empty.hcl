pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  transform "sql" "t" {
    query = "" # ERROR invalid-value: transform "sql" has an empty query
  }
  check "sql" "c" {
    query = "  " # ERROR invalid-value: check "sql" has an empty query
  }
  condition "sql" "d" {
    # ERROR-BELOW invalid-value: condition "sql" has an empty query
    query = <<-SQL

    SQL
  }
  sink "file" "out" {
    input = source.orders
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
