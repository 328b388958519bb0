pipeline "a" {
  schedule {
    cron = "0 9 ? * * *"
  }
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
  schedule {
    cron = "0 10 ? * * *"
  }
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
  after = [pipeline.a, pipeline.b] # ERROR never-together: no slot in common
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
  after = [pipeline.a, pipeline.b]
  schedule {
    cron = "0 12 ? * * *"
  }
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
