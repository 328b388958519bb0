pipeline "load" {

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
pipeline "next" {
  after = [pipeline.laod] # ERROR unknown-reference: no pipeline is called "laod"
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
