test "rows and files" {
  pipeline = pipeline.totals

  run {
    scheduled_at = "2026-01-31T09:00"
    id           = "A1"
  }

  given "source.orders" {
    rows = [
      { id = 1, region = "EU", total = 10.50 },
      { id = 2, region = "EU", total = 0.5, day = "2026-01-02" },
      { id = 3, region = "US", total = null },
    ]
  }

  given "source.regions" {
    file      = "fixtures/regions.csv"
    delimiter = ";"
  }

  expect "transform.by_region" {
    columns = { name = "string", total = "decimal(38,2)", orders = "bigint" }
    rows = [
      { name = "North; America", orders = 1, total = null },
      { name = "Europe", orders = 2, total = 11 },
    ]
  }

  expect "transform.by_region" {
    rows = [{ name = "Europe" }, { name = "North; America" }]
  }

  expect "sink.csv" {
    keys    = ["out/2026-01-31/totals.csv"]
    place   = "file:"
    ordered = true
    rows    = [{ name = "Europe", total = 11 }, { name = "North; America", total = null }]
    text    = "name,total,orders\nEurope,11.00,2\nNorth; America,,1\n"
  }

  expect "sink.packed" {
    keys = ["out/2026-01-31/all.ndjson.gz"]
    text = "{\"name\":\"Europe\",\"total\":11}\n{\"name\":\"North; America\",\"total\":null}\n"
  }

  expect "condition.new" {
    holds = true
  }
}

test "a file with the contract's types" {
  pipeline = pipeline.totals

  given "source.orders" {
    file = "fixtures/orders.csv"
  }

  given "source.regions" {
    file      = "fixtures/regions.csv"
    delimiter = ";"
  }

  expect "transform.by_region" {
    rows = [{ name = "Europe", total = 11 }, { name = "North; America", total = null }]
  }
}

test "too few rows" {
  pipeline = pipeline.totals

  given "source.orders" {
    rows = []
  }

  given "source.regions" {
    rows = [{ name = "Europe", code = "EU" }]
  }

  expect "transform.by_region" {
    rows = []
  }

  expect "sink.csv" {
    keys = []
  }

  expect_failure "check.some" {
    message = "at least 1 rows"
  }
}

test "nothing to pack" {
  pipeline  = pipeline.totals
  variables = { least = 0 }

  given "source.orders" {
    rows = []
  }

  given "source.regions" {
    rows = [{ name = "Europe", code = "EU" }]
  }

  expect "sink.csv" {
    keys = ["out/2026-01-01/totals.csv"]
    rows = 0
  }

  expect "sink.packed" {
    keys = []
  }
}

test "a check that warns" {
  pipeline = pipeline.totals

  given "source.orders" {
    rows = [{ id = 1, region = "EU", total = -1 }]
  }

  given "source.regions" {
    rows = [{ name = "Europe", code = "EU" }]
  }

  expect "sink.csv" {
    rows = 1
  }

  expect_failure "check.positive" {}
}

test "a condition that does not hold" {
  pipeline = pipeline.totals

  given "source.orders" {
    rows = [{ id = 1, region = "EU", total = -100 }]
  }

  given "source.regions" {
    rows = [{ name = "Europe", code = "EU" }]
  }

  expect "condition.big" {
    holds = false
  }

  expect "sink.csv" {
    keys = []
  }
}

test "a column that the contract lacks" {
  pipeline = pipeline.totals

  given "source.orders" {
    rows = [{ id = 1, region = "EU", discount = 1 }]
  }

  given "source.regions" {
    rows = [{ name = "Europe", code = "EU" }]
  }

  expect_failure "source.orders" {
    message = "contract-broken"
  }
}

test "another type than the contract's" {
  pipeline = pipeline.totals

  given "source.orders" {
    columns = { id = "varchar", region = "varchar", total = "decimal(12,2)", day = "date" }
    rows    = [{ id = "one", region = "EU" }]
  }

  given "source.regions" {
    rows = [{ name = "Europe", code = "EU" }]
  }

  expect_failure "source.orders" {
    message = "id varchar"
  }
}

test "a file without the contract's columns" {
  pipeline = pipeline.totals

  given "source.orders" {
    file = "fixtures/short.csv"
  }

  given "source.regions" {
    rows = [{ name = "Europe", code = "EU" }]
  }

  expect_failure "source.orders" {}
}

test "a file with a value that is no number" {
  pipeline = pipeline.totals

  given "source.orders" {
    file = "fixtures/bad.csv"
  }

  given "source.regions" {
    rows = [{ name = "Europe", code = "EU" }]
  }

  expect_failure "source.orders" {}
}

test "a value that a transform cannot convert" {
  pipeline = pipeline.totals

  given "source.orders" {
    rows = [{ id = 1, region = "EU", total = 1000 }]
  }

  given "source.regions" {
    rows = [{ name = "Europe", code = "EU" }]
  }

  expect_failure "transform.whole" {}
}

test "types come out as they went in" {
  pipeline = pipeline.types

  given "source.all" {
    columns = {
      b    = "boolean", t = "tinyint", i = "integer", l = "bigint", r = "real", d = "double",
      n    = "decimal(38,10)", s = "varchar", bin = "varbinary", day = "date", clock = "time",
      at   = "timestamp", zoned = "timestamp with time zone", u = "uuid", j = "json",
      list = "array(decimal(20,2))", pair = "row(a bigint, b varchar)", m = "map(varchar, date)",
    }
    rows = [local.row, { b = null }]
  }

  expect "transform.all" {
    rows = [merge({ for k, v in local.row : k => null }, {}), local.row]
  }

  expect "sink.out" {
    rows = 2
  }
}

test "a file of NDJSON" {
  pipeline = pipeline.totals

  given "source.orders" {
    file = "fixtures/orders.ndjson"
  }

  given "source.regions" {
    rows = jsondecode("[{\"name\": \"Europe\", \"code\": \"EU\"}]")
  }

  expect "transform.by_region" {
    rows = [for name in ["Europe"] : { name = name, total = 1.25, orders = 2 }]
  }
}
