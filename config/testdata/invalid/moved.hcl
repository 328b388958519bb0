pipeline "a" {

  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.in
    path  = "out/${run.pipeline}/${run.date}.csv"
    format "csv" {}
  }
}
moved {
  from = pipeline.a # ERROR invalid-move: there still is a pipeline "a"
  to   = pipeline.b
}
moved {
  from = pipeline.old
  to   = pipeline.aa # ERROR invalid-move: no pipeline is called "aa"
}
moved {
  from = pipeline.old # ERROR invalid-move: moves to two names
  to   = pipeline.a
}
moved {
  from = pipeline.x
  to   = pipeline.x # ERROR invalid-move: to its own name
}
moved {
  from = "old" # ERROR wrong-type: from wants a reference to a pipeline
  to   = pipeline.a
}
moved { # ERROR missing-attribute: "to" is required
  from = pipeline.older
}
