notifier "webhook" "plain" {
  url = "http://ops.example.com/hook" # ERROR endpoint-invalid: url is not https
}
notifier "webhook" "none" {
  url = "ops" # ERROR endpoint-invalid: url is no URL
}
notifier "pigeon" "p" { # ERROR unknown-kind: there is no notifier of kind "pigeon"
  url = "https://x.example.com"
}
notifier "webhook" "typo" {
  url  = "https://x.example.com"
  body = event.sumary # ERROR unknown-reference: there is no event.sumary
}
pipeline "p" {
  on_failure      = notifier.nobody # ERROR unknown-reference: no notifier is called "nobody"
  on_success      = ["ops"] # ERROR wrong-type: on_success
  # WARNING-BELOW not-supported-yet: deliver_by
  deliver_by      = "half past ten" # ERROR invalid-value: is no time of day
  on_step_failure = "ignore" # ERROR invalid-value: "ignore" is not one of its values
  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.in
    path  = "out.csv"
    format "csv" {}
  }
}
