user "runner" {
  account = "111111111111"
  default = true

  statement {
    actions   = ["s3:*"]
    resources = ["arn:aws:s3:::inbox", "arn:aws:s3:::inbox/*"]
  }
}

bucket "inbox" {
  account = "111111111111"
}
