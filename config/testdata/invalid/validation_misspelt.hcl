variable "env" {
  default = "qa"
  validation { # ERROR missing-attribute: "condition" is required
    conditon      = true # ERROR unknown-attribute: "conditon" is not expected here
    error_message = "no"
  }
  validation {
    condition     = true
    error_message = "no"
    more {} # ERROR unknown-block: "more" are not expected here
  }
}
