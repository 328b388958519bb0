connection "aws" "empty_region" {
  region = "" # ERROR invalid-value: region: "" is not the name of a region
}
connection "aws" "place" {
  region = "Ireland" # ERROR invalid-value: region: "Ireland" is not the name of a region
}
connection "aws" "half" {
  access_key_id = env("KEY") # ERROR missing-attribute: access_key_id stands without secret_access_key
}
connection "aws" "both" {
  profile           = "analytics" # ERROR invalid-value: profile and access_key_id exclude each other
  access_key_id     = env("KEY")
  secret_access_key = env("SECRET")
}
connection "aws" "endpoint" {
  endpoint {
    s3 = "http://169.254.169.254" # ERROR endpoint-invalid: endpoint.s3
  }
}
connection "aws" "roles" {
  assume_role {
    role_arn     = "arn:aws:iam::123456789012:role/First"
    external_id  = "a b" # ERROR external-id-invalid: has ' ' as character 2
    duration     = "13h" # ERROR invalid-value: duration: 13h0m0s is outside
    policy       = "{"   # ERROR session-policy-invalid: policy is not JSON
    session_tags = { "" = "x" } # ERROR invalid-value: the tag "" is too long or has no name
  }
  assume_role {
    role_arn        = "Second" # ERROR arn-invalid: "Second" is not the ARN of a role
    external_id     = "partner"
    duration        = "2h"        # ERROR role-chain-duration: cannot last 2h0m0s
    source_identity = "two words" # ERROR invalid-value: STS does not take "two words"
    policy          = join("", [for i in range(1000) : "long"]) # ERROR session-policy-invalid: policy has 4000 characters
    session_tags    = { for i in range(51) : "tag${i}" => "x" } # ERROR invalid-value: session_tags: 51 tags
  }
}
