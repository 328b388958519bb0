pipeline "delays" {
  description = "Average delay by airport, for Birdwatch"
  owner       = "data-exchange"

  schedule {
    cron = "30 6 ? * MON-FRI *"
  }

  source "athena" "flights" {
    connection      = connection.lake
    database        = "travel"
    output_location = "s3://lake-results/waybill/"
    query           = "SELECT origin, delay FROM flights WHERE delay IS NOT NULL"
  }

  source "file" "airports" {
    path = "data/airports.csv"
    format "csv" {}
  }

  transform "sql" "by_airport" {
    query_file = "sql/delays.sql"
  }

  sink "s3" "birdwatch" {
    input      = transform.by_airport
    connection = connection.birdwatch
    bucket     = "birdwatch-drop"
    key        = "delays/${run.date}.csv"
    order_by   = ["flights desc", "airport"]

    format "csv" {}
  }
}
