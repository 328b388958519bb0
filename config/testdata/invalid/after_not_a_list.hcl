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
pipeline "b" {
  after = pipeline.a # ERROR invalid-value: want a list such as
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
pipeline "c" {
  after = ["a"] # ERROR invalid-value: want references to pipelines
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
pipeline "d" {
  description = pipeline.a # ERROR unknown-reference: pipeline cannot be used here
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
