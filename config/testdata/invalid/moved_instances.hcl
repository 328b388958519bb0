pipeline "one" {
  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.in
    path  = "one.csv"
    format "csv" {}
  }
}
pipeline "many" {
  for_each = toset(["a", "b"])
  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.in
    path  = "${each.key}.csv"
    format "csv" {}
  }
}
moved {
  from = pipeline.older["a"]
  to   = pipeline.many # ERROR invalid-move: one instance cannot move to all of them
}
moved {
  from = pipeline.old
  to   = pipeline.one["a"] # ERROR invalid-move: has no for_each
}
moved {
  from = pipeline.other
  to   = pipeline.many["c"] # ERROR invalid-move: no pipeline is called many["c"]
}
moved {
  from = pipeline.many["a"] # ERROR invalid-move: there still is a pipeline many["a"]
  to   = pipeline.one
}
