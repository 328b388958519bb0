locals {
  region = env("WAYBILL_TEST_UNSET")
}

pipeline "syntax" {
  source "file" "orders" {
    path    = "orders.csv"
    columns = { id = "bigint", email = "varchar", total = "decimal(12,2)" }
    format "csv" {}
  }
  transform "sql" "t" {
    query = "SELECT id FORM ${source.orders} WHERE email = '${local.region}'" # ERROR transform-failed: The query is not SQL
  }
  sink "file" "out" {
    input = transform.t
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}

pipeline "names" {
  source "file" "orders" {
    path    = "names.csv"
    columns = { id = "bigint", email = "varchar", total = "decimal(12,2)" }
    format "csv" {}
  }
  transform "sql" "t" {
    query = "SELECT emial FROM ${source.orders} WHERE email = '${local.region}'" # ERROR column-not-found: there is no column "emial"
  }
  sink "file" "out" {
    input = transform.t
    path  = "names/${run.date}.csv"
    format "csv" {}
  }
}

pipeline "columns" {
  source "file" "orders" {
    path    = "columns.csv"
    columns = { id = "bigint", email = "varchar", total = "decimal(12,2)" }
    format "csv" {}
  }
  transform "sql" "t" {
    query = "SELECT id, total FROM ${source.orders} WHERE id > ${local.region} LIMIT ${local.region}"
  }
  transform "mask" "m" {
    input = transform.t
    hash  = ["id"]
    salt  = secret("env://WAYBILL_TEST_UNSET")
  }
  transform "sql" "u" {
    query = "SELECT totl FROM ${transform.m}" # ERROR column-not-found: there is no column "totl"
  }
  sink "file" "out" {
    input = transform.u
    path  = "columns/${run.date}.csv"
    format "csv" {}
  }
}

pipeline "mask" {
  source "file" "orders" {
    path    = "mask.csv"
    columns = { id = "bigint", email = "varchar", total = "decimal(12,2)" }
    format "csv" {}
  }
  transform "mask" "m" { # ERROR transform-failed: Column "emial"
    input = source.orders
    hash  = ["emial"]
    salt  = secret("env://WAYBILL_TEST_UNSET")
  }
  sink "file" "out" {
    input = transform.m
    path  = "mask/${run.date}.csv"
    format "csv" {}
  }
}
