connection "aws" "lake" {
  region = "us-east-1"
}
pipeline "p" {
  source "athena" "both" {
    connection = connection.lake
    query      = "SELECT 1"
    query_file = "athena.sql" # ERROR file-not-readable: cannot read athena.sql
  }
  source "athena" "neither" { # ERROR missing-attribute: want exactly one of query and query_file
    connection = connection.lake
  }
  source "athena" "long" {
    connection = connection.lake
    query      = "SELECT '${join("", [for i in range(1000) : join("", [for j in range(30) : "0123456789"])])}'" # ERROR athena-query-too-long: the query has
  }
  source "athena" "open" {
    connection = connection.lake
    query      = "SELECT 'a" # ERROR athena-syntax: the query cannot be sent to Athena
  }
  source "athena" "drop" {
    connection = connection.lake
    query      = "DROP TABLE orders" # ERROR athena-syntax: a source cannot run DROP
  }
  source "athena" "parameters" {
    connection = connection.lake
    query      = "SELECT ?"
    parameters = [{ a = 1 }] # ERROR invalid-value: parameters cannot be sent to Athena
  }
  source "athena" "count" {
    connection = connection.lake
    query      = "SELECT ?"
    parameters = [1, 2] # ERROR invalid-value: parameters do not fit the query
  }
  source "athena" "settings" {
    connection            = connection.lake
    workgroup             = "two words" # ERROR invalid-value: "two words" cannot be a workgroup
    output_location       = "lake-results" # ERROR invalid-value: s3://
    expected_bucket_owner = "me" # ERROR invalid-value: expected_bucket_owner is not an account id
    reuse_results         = "90s" # ERROR invalid-value: reuse_results is not what Athena takes
    query                 = "SELECT 1"
  }
  source "athena" "unload" {
    connection    = connection.lake
    fetch         = "unload"
    reuse_results = "60m" # ERROR invalid-value: an UNLOAD is never reused
    query         = "SELECT 1"
  }
  wait_for "s3" "w" {
    connection = connection.lake
    bucket     = "inbox"
    key        = "" # ERROR invalid-value: key is empty
  }
  sink "s3" "o" {
    input                 = source.count
    connection            = connection.lake
    bucket                = "inbox"
    key                   = "a.csv"
    expected_bucket_owner = "me" # ERROR invalid-value: "me" is not an account
    metadata              = { "waybill-run" = "x" } # ERROR invalid-value: is one of waybill's own names
    tags                  = { "" = "x" } # ERROR invalid-value: the tag "" is too long or has no name
    format "csv" {}
    encryption {
      sse        = "AES256"
      kms_key_id = "key" # ERROR invalid-value: uses no KMS key
    }
  }
}
