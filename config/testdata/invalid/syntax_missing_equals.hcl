waybill {
  timezone "UTC" # ERROR syntax: Invalid block definition
}
