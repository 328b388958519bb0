locals {
  a = 1
  b = local # ERROR unknown-reference: local cannot be used as a whole here
}
