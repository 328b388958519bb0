variable "salt" {
  default = "aws-sm://prod/salt?regoin=eu-west-1"
}

connection "aws" "lake" {
  region            = "us-east-1"
  access_key_id     = secret("env:KEY")                  # ERROR secret-reference-invalid: the argument of secret() does not say where the secret is kept
  secret_access_key = secret("aws-smm://prod/key")       # ERROR secret-reference-invalid: secrets are not read from aws-smm://
  session_token     = secret("file://run/secrets/token") # ERROR secret-reference-invalid: file://run/secrets/token is not an absolute path
}

pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  transform "mask" "private" {
    input = source.orders
    hash  = ["email"]
    salt  = secret(var.salt) # ERROR secret-reference-invalid: aws-sm:// has no option "regoin"
  }
  sink "s3" "acme" {
    input      = transform.private
    connection = connection.lake
    bucket     = "acme-inbox"
    key        = "orders/${run.date}.csv"
    format "csv" {}
  }
}
