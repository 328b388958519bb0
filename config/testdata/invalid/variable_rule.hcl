variable "name" {
  default = "x"
  validation {
    condition     = "perhaps" # ERROR wrong-type: the condition is neither true nor false
    error_message = "no"
  }
}
