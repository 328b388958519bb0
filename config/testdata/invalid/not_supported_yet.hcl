notifier "webhook" "ops" {
  url  = "https://ops.example.com/hook"
  body = jsonencode({ text = "${event.pipeline}: ${event.error.summary}" })
}
pipeline "p" {
  on_failure           = [notifier.ops] # WARNING not-supported-yet: on_failure is checked
  on_step_failure      = "continue" # WARNING not-supported-yet: on_step_failure
  deliver_by           = "10:30" # WARNING not-supported-yet: deliver_by
  pause_after_failures = 3 # WARNING not-supported-yet: pause_after_failures
  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  transform "sql" "t" {
    query  = "SELECT * FROM ${source.in}"
    engine = "athena" # WARNING not-supported-yet: engine
  }
  sink "file" "out" {
    input = transform.t
    path  = "out.csv"
    format "csv" {}
  }
}
pipeline "pictures" {
  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  sink "file" "pdf" {
    input = source.in
    path  = "out.pdf"
    format "pdf" {} # WARNING not-supported-yet: format "pdf" is checked
  }
  sink "file" "png" {
    input = source.in
    path  = "out.png"
    format "png" {} # WARNING not-supported-yet: format "png"
  }
}
