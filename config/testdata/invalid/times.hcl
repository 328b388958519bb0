waybill {
  retry {
    max_backoff = "0s" # ERROR invalid-value: max_backoff is below 1ms
  }
}
