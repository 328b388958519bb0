# Two deliveries of real flight records (US Bureau of Transportation Statistics,
# January 2001) to two partners, each through a role of the partner's own.

waybill {
  timezone = "America/New_York"

  engine {
    memory_limit = "1GiB"
  }
}

variable "acme_external_id" {
  type        = string
  description = "What Acme's trust policy asks for. In production it comes from the environment: WAYBILL_VAR_acme_external_id."
  default     = "acme-7f3c"
}

# Who we are when we query our own lake: the SDK's default credentials.
connection "aws" "lake" {
  region = "us-east-1"
}

# Acme lets us in by a role with an external id.
connection "aws" "acme" {
  region = "eu-west-1"

  assume_role {
    role_arn     = "arn:aws:iam::222222222222:role/FlightInbox"
    external_id  = var.acme_external_id
    session_name = "waybill-${run.pipeline}"
  }
}

# Birdwatch has a role and a bucket of its own.
connection "aws" "birdwatch" {
  region = "us-east-1"

  assume_role {
    role_arn     = "arn:aws:iam::333333333333:role/ReportDrop"
    external_id  = "birdwatch-2024"
    session_name = "waybill-${run.pipeline}"
  }
}
