test "expectations" {
  pipeline = pipeline.totals

  given "source.plain" {
    rows = [{ id = 1 }]
  }

  given "source.orders" {
    rows = []
  }

  expect "transform.by_regoin" { # ERROR unknown-reference: Did you mean "transform.by_region"
    rows = 1
  }

  expect "source.orders" { # ERROR unknown-reference: expect cannot look at a source
    rows = 1
  }

  expect "transform.by_region" { # ERROR missing-attribute: says nothing
  }

  expect "transform.by_region" {
    rows = 1.5 # ERROR invalid-value: rows is no number of rows
  }

  expect "transform.by_region" {
    rows = "many" # ERROR wrong-type: rows wants a list of rows
  }

  expect "transform.by_region" {
    rows = [
      { region = "EU", total = 1 },
      { region = "US" }, # ERROR missing-attribute: row 2 says nothing about total
    ]
  }

  expect "transform.by_region" {
    keys = [] # ERROR unknown-attribute: keys
  }

  expect "transform.by_region" {
    columns = { region = "text" } # ERROR invalid-value: "text" is no type
  }

  expect "sink.out" {
    text = "a" # ERROR invalid-value: cannot be compared with a file of format "parquet"
  }

  expect "sink.out" {
    ordred = true # ERROR unknown-attribute: Did you mean "ordered"
  }

  expect_failure "check.sme" {} # ERROR unknown-reference: Did you mean "check.some"

  expect_failure "check.some" {
    text = "x" # ERROR unknown-attribute: text
  }
}
