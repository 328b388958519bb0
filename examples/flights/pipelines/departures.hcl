pipeline "departures" {
  description = "Each flight with the airports' names, for Acme"
  owner       = "data-exchange"

  schedule {
    cron     = "0 6 * * ? *"
    timezone = "America/New_York"
  }

  source "athena" "flights" {
    connection      = connection.lake
    database        = "travel"
    output_location = "s3://lake-results/waybill/"
    query           = "SELECT date, delay, distance, origin, destination FROM flights"
  }

  source "file" "airports" {
    path = "data/airports.csv"
    format "csv" {}
  }

  transform "sql" "named" {
    query = <<-SQL
      SELECT f.date AS departs_at, f.origin, o.city AS origin_city, f.destination, d.city AS destination_city, f.distance AS miles, f.delay AS delay_minutes
      FROM ${source.flights} f
      JOIN ${source.airports} o ON o.iata = f.origin
      JOIN ${source.airports} d ON d.iata = f.destination
    SQL
  }

  sink "s3" "acme" {
    input      = transform.named
    connection = connection.acme
    bucket     = "acme-inbox"
    key        = "flights/${run.date}/departures.parquet"
    order_by   = ["departs_at", "origin", "destination"]

    format "parquet" {
      compression = "zstd"
    }

    retry {
      max_attempts = 5
    }
  }
}
