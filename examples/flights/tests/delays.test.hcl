test "delays are averaged by airport" {
  pipeline = pipeline.delays

  run {
    scheduled_at = "2026-01-30T06:30"
  }

  given "source.flights" {
    rows = [
      { origin = "ATL", delay = 61 },
      { origin = "ATL", delay = 60 },
      { origin = "ATL", delay = -1 },
      { origin = "JFK", delay = 3 },
      { origin = "???", delay = 9 }, # an airport that nobody knows
    ]
  }

  given "source.airports" {
    file = "data/airports.csv"
  }

  expect "sink.birdwatch" {
    place = "s3://birdwatch-drop"
    keys  = ["delays/2026-01-30.csv"]
    text  = <<-CSV
      airport,city,flights,average_delay_minutes,over_an_hour
      ATL,Atlanta,3,40.0,1
      JFK,New York,1,3.0,0
    CSV
  }
}
