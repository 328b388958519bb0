tset "a" { # ERROR unknown-block: no such block at the top of a test file
}

name = "a" # ERROR unknown-attribute: test blocks, and nothing else

test { # ERROR wrong-labels: Missing name for test
}

test "" { # ERROR invalid-name: needs a name on one line
}

test "no pipeline" { # ERROR missing-attribute: "pipeline" is required
}

test "misspelt attribute" { # ERROR missing-attribute: "pipeline" is required
  pipelin = pipeline.totals # ERROR unknown-attribute: Did you mean "pipeline"
}

test "twice" { # ERROR missing-block: gives source.orders no data
  pipeline = pipeline.totals

  given "source.plain" {
    rows = [{ id = 1 }]
  }
}

test "twice" { # ERROR duplicate-name: a second test is called "twice"
}

test "misspelt block" {
  pipeline = pipeline.totals

  gvien "source.orders" {} # ERROR unknown-block: Did you mean "given"
}

test "block without address" {
  pipeline = pipeline.totals

  given { # ERROR wrong-labels: Missing address for given
  }
}

test "not a pipeline" {
  pipeline = source.orders # ERROR wrong-type: wants the address of a pipeline
}

test "pipeline as a text" {
  pipeline = "totals" # ERROR wrong-type: pipeline wants an address
}

test "misspelt pipeline" {
  pipeline = pipeline.totls # ERROR unknown-reference: Did you mean "totals"
}

test "pipeline with a key" {
  pipeline = pipeline.totals["acme"] # ERROR unknown-reference: no pipeline is called "totals[\"acme\"]"
}

test "misspelt variable" {
  pipeline  = pipeline.totals
  variables = { evn = "prod" } # ERROR unknown-reference: Did you mean "env"
}

test "variables that are not known" {
  pipeline  = pipeline.totals
  variables = { env = env("WAYBILL_TEST_UNSET") } # ERROR invalid-value: variables is not known
}

test "variables as a list" {
  pipeline  = pipeline.totals
  variables = ["env"] # ERROR wrong-type: variables wants a map
}

test "variable of another type" {
  pipeline  = pipeline.totals
  variables = { env = ["prod"] } # ERROR wrong-type: variable "env" wants string
}

test "slot" {
  pipeline = pipeline.totals

  run {
    scheduled_at = "tomorrow" # ERROR invalid-value: is no time in UTC
  }
}

test "trigger" {
  pipeline = pipeline.totals

  run {
    trigger = "scheduled" # ERROR invalid-value: Did you mean "schedule"
  }
}
