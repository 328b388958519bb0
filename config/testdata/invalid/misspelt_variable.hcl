variable "env" {
  default = "dev"
}

pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "${var.evn}/${run.date}.csv" # ERROR unknown-reference: no variable is called "evn"
    format "csv" {}
  }
}
