waybill {
  required_version    = "soon" # ERROR invalid-value: required_version:
  max_concurrent_runs = 0      # ERROR invalid-value: max_concurrent_runs must be from 1 to 1024, not 0
  engine {
    memory_limit = "1MiB" # ERROR invalid-value: memory_limit is below 64MiB
  }
}
