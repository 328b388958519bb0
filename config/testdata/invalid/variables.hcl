variable "described" {
  description = ["a list"] # ERROR wrong-type: description wants a plain string
  default     = 1
}
locals {
  a = 1
}
locals {
  a = 2 # ERROR duplicate-name: a second local is called "a"
}
