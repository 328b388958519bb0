pipeline "p" {
  schedule {
    cron = run.date # ERROR invalid-value: cron depends on run-time values
  }
  source "file" "a" {
    path = nonsense.a # ERROR unknown-reference: nothing is called "nonsense" here
    format "csv" {}
  }
  source "file" "b" {
    path = null # ERROR missing-attribute: path is null
    format "csv" {}
  }
  transform "sql" "t" {
    query_file = "sql/${run.date}.sql" # ERROR invalid-value: query_file depends on run-time values
  }
  transform "mask" "m" {
    input  = source.a # ERROR invalid-value: the column "email" is hidden twice
    hash   = ["email"]
    redact = ["email"]
  }
  sink "file" "o" {
    input = source.b
    path  = "out/b.parquet"
    format "parquet" {
      row_group_rows = 1 # ERROR invalid-value: format: row_group_rows
    }
  }
}
