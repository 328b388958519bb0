locals {
  a = [1, 2]] # ERROR syntax: a ] too many
}
