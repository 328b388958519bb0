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
  from = pipeline.b
  to   = pipeline.a
}
moved {
  from = pipeline.c
  to   = pipeline.a # ERROR invalid-move: two pipelines move to "a"
}
