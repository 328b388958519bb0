test "rows that differ" {
  pipeline = pipeline.totals

  given "source.orders" {
    rows = [{ id = 1, region = "EU", total = 12 }, { id = 2, region = "NA", total = 7 }, { id = 3, region = "US", total = -3 }]
  }

  given "source.regions" {
    file      = "fixtures/regions.csv"
    delimiter = ";"
  }

  expect "transform.by_region" {
    rows = [
      { name = "Europe", total = 10, orders = 1 },
      { name = "North; America", total = -3, orders = 1 },
      { name = "", total = null, orders = 9 },
    ]
  }

  expect "transform.by_region" {
    rows = [{ nmae = "Europe" }]
  }

  expect "transform.by_region" {
    rows = 4
  }

  expect "transform.by_region" {
    columns = { name = "varchar", total = "bigint" }
  }

  expect "sink.csv" {
    keys = ["out/2026-01-02/totals.csv"]
    rows = 2
    file = "fixtures/expected.csv"
  }

  expect "sink.packed" {
    place   = "s3://inbox"
    ordered = true
    rows    = [{ name = "North; America" }, { name = "Europe" }, { name = "-" }]
  }

  expect "condition.big" {
    holds = false
  }

  expect_failure "check.some" {}
}

test "a check fails that nothing expects" {
  pipeline = pipeline.totals

  given "source.orders" {
    rows = []
  }

  given "source.regions" {
    rows = [{ name = "Europe", code = "EU" }]
  }

  expect "sink.csv" {
    rows = 0
  }

  expect_failure "check.positive" {
    message = "negative"
  }
}

test "another message" {
  pipeline = pipeline.totals

  given "source.orders" {
    rows = []
  }

  given "source.regions" {
    rows = [{ name = "Europe", code = "EU" }]
  }

  expect_failure "check.some" {
    message = "at most"
  }
}

test "a source whose contract is broken" {
  pipeline = pipeline.totals

  given "source.orders" {
    file = "fixtures/short.csv"
  }

  given "source.regions" {
    rows = [{ name = "Europe", code = "EU" }]
  }

  expect "transform.by_region" {
    rows = []
  }

  expect_failure "transform.whole" {}
}

test "a secret stays hidden, and the environment is missing" {
  pipeline = pipeline.masked

  given "source.people" {
    rows = [{ name = "Ada", note = var.salt }, { name = "Bob", note = "${var.salt}, too" }]
  }

  expect "transform.hidden" {
    rows = [{ note = "sugar" }, { note = "${var.salt}s" }]
  }

  expect "sink.parquet" {
    rows = 2
  }
}
