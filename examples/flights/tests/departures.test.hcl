test "flights bear the names of both airports" {
  pipeline = pipeline.departures

  run {
    scheduled_at = "2026-01-31T06:00"
  }

  given "source.flights" {
    columns = { date = "timestamp", delay = "integer", distance = "integer", origin = "varchar", destination = "varchar" }
    rows = [
      { date = "2001-01-01 17:00", delay = -2, distance = 719, origin = "DFW", destination = "ATL" },
      { date = "2001-01-01 06:30", delay = 5, distance = 719, origin = "ATL", destination = "DFW" },
      { date = "2001-01-01 07:15", delay = null, distance = 760, origin = "ATL", destination = "JFK" },
    ]
  }

  given "source.airports" {
    rows = [
      { iata = "ATL", city = "Atlanta" },
      { iata = "DFW", city = "Dallas-Fort Worth" },
      { iata = "JFK", city = "New York" },
    ]
  }

  # The earliest flight comes first. Columns that are not named do not count.
  expect "sink.acme" {
    keys    = ["flights/2026-01-31/departures.parquet"]
    place   = "s3://acme-inbox"
    ordered = true
    rows = [
      { departs_at = "2001-01-01 06:30", origin_city = "Atlanta", destination_city = "Dallas-Fort Worth", delay_minutes = 5 },
      { departs_at = "2001-01-01 07:15", origin_city = "Atlanta", destination_city = "New York", delay_minutes = null },
      { departs_at = "2001-01-01 17:00", origin_city = "Dallas-Fort Worth", destination_city = "Atlanta", delay_minutes = -2 },
    ]
  }
}

test "a flight from an unknown airport is left out" {
  pipeline = pipeline.departures

  given "source.flights" {
    columns = { date = "timestamp", delay = "integer", distance = "integer", origin = "varchar", destination = "varchar" }
    rows    = [{ date = "2001-01-01 06:30", delay = 5, distance = 719, origin = "ATL", destination = "ZZZ" }]
  }

  given "source.airports" {
    rows = [{ iata = "ATL", city = "Atlanta" }]
  }

  expect "transform.named" {
    rows = []
    columns = {
      departs_at = "timestamp", origin = "varchar", origin_city = "varchar", destination = "varchar", destination_city = "varchar",
      miles      = "integer", delay_minutes = "integer",
    }
  }
}
