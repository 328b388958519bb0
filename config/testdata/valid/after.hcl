pipeline "daily" {
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
pipeline "weekly" {
  schedule {
    cron = "0 9 ? * MON *"
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
pipeline "report" {
  after = [pipeline.daily, pipeline.weekly]
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
pipeline "per" {
  for_each = toset(["a", "b"])
  after    = [pipeline.report]
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
pipeline "all" {
  after = [pipeline.per]
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
pipeline "one" {
  after = [pipeline.per["a"]]
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
pipeline "same" {
  for_each = toset(["a", "b"])
  after    = [pipeline.per[each.key]]
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
  from = pipeline.ancient
  to   = pipeline.old
}
moved {
  from = pipeline.old
  to   = pipeline.same["a"]
}
