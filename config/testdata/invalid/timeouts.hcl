pipeline "p" {
  timeout = "0s" # ERROR invalid-value: timeout is below 1s
  schedule {
    cron   = "0 9 * * *"
    jitter = "99d" # ERROR invalid-value: jitter is above 24h
  }
  schedule {
    cron   = "0 10 * * *"
    jitter = "-1m" # ERROR invalid-value: "-1m" is not a duration
  }
  source "file" "orders" {
    path    = "orders.csv"
    timeout = "0s" # ERROR invalid-value: timeout is below 1s
    format "csv" {}
    retry {
      max_attempts = 0 # ERROR invalid-value: max_attempts is 0, want 1 to 100
    }
  }
  source "file" "more" {
    path = "more.csv"
    format "csv" {}
    retry {
      max_attempts = 101 # ERROR invalid-value: max_attempts is 101, want 1 to 100
    }
  }
  sink "file" "out" {
    input   = source.orders
    path    = "out/${run.date}.csv"
    timeout = "0s" # ERROR invalid-value: timeout is below 1s
    format "csv" {}
    retry {
      max_elapsed = "0s" # ERROR invalid-value: max_elapsed is below 1ms
    }
  }
}
