test "addresses" { # ERROR missing-block: gives source.orders no data
  pipeline = pipeline.totals

  given "source.order" { # ERROR unknown-reference: Did you mean "source.orders"
    rows = []
  }

  given "transform.by_region" { # ERROR unknown-reference: given cannot look at a transform
    rows = []
  }

  given "source.plain" {
    rows = [{ id = 1 }]
  }

  given "source.plain" { # ERROR duplicate-name: given data twice
    rows = [{ id = 1 }]
  }

  given "source.spare" { # WARNING unused: source.spare is used by nothing
    rows = [{ id = 1 }]
  }
}

test "nothing, and both" {
  pipeline = pipeline.totals

  given "source.plain" { # ERROR missing-attribute: needs either rows or a file
  }

  given "source.orders" { # ERROR missing-attribute: needs either rows or a file
    rows = []
    file = "orders.csv"
  }
}

test "rows that are none" {
  pipeline = pipeline.totals

  given "source.plain" {
    rows = { id = 1 } # ERROR wrong-type: rows wants a list of rows
  }

  given "source.orders" {
    rows = [
      { id = 1 },
      "two", # ERROR wrong-type: row 2 is no map
    ]
  }
}

test "values that do not fit" {
  pipeline = pipeline.totals

  given "source.plain" {
    rows = [{ id = 1 }, { id = "a" }] # ERROR wrong-type: no type fits the column id: it holds both a number and a varchar
  }

  given "source.orders" {
    rows = [
      { id = 1, total = 1.25 },
      { id = 2, total = 1.255 }, # ERROR invalid-value: row 2: total decimal(12,2): the number has more digits
    ]
  }
}

test "no columns" {
  pipeline = pipeline.totals

  given "source.plain" {
    rows = [] # ERROR empty-schema: there are no columns
  }

  given "source.orders" {
    rows = [{ id = 1, day = "31.1.2026" }] # ERROR invalid-value: row 1: day date: it wants a text such as "2026-01-31"
  }
}

test "declared columns" {
  pipeline = pipeline.totals

  given "source.plain" {
    columns = { id = "bigint", name = "varchar" }
    rows    = [{ id = 1, nmae = "a" }] # ERROR unknown-reference: Did you mean "name"
  }

  given "source.orders" {
    columns = { id = "int64" } # ERROR invalid-value: "int64" is no type
    rows    = [{ id = 1 }]
  }
}

test "files" {
  pipeline = pipeline.totals

  given "source.plain" {
    file = "plain.xlsx" # ERROR invalid-value: ends like no format that tests read
  }

  given "source.orders" {
    file = "nowhere.csv" # ERROR file-not-readable: There is no such file
  }
}

test "files elsewhere" {
  pipeline = pipeline.totals

  given "source.plain" {
    file = "../main_test.go.csv" # ERROR file-not-readable: leads out of the project
  }

  given "source.orders" {
    rows      = []
    delimiter = ";" # ERROR invalid-value: delimiter says nothing about rows
  }
}

test "what is not known" {
  pipeline = pipeline.totals

  given "source.plain" {
    rows = [{ id = env("WAYBILL_TEST_UNSET") }] # ERROR invalid-value: rows is not known
  }

  given "source.orders" {
    rows = [{ id = nope(1) }] # ERROR unknown-function: nope
  }
}

test "names" {
  pipeline = pipeline.totals

  given "source.plain" {
    rows = [{ id = vra.env }] # ERROR unknown-reference: Did you mean "var"
  }

  given "source.orders" {
    rwos = [] # ERROR unknown-attribute: Did you mean "rows"
  }
}
