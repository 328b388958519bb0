# The accounts of every flow: ours, and two partners' with the least that a
# sink needs.

user "runner" {
  account = "111111111111"
  default = true

  statement {
    actions   = ["sts:AssumeRole"]
    resources = ["*"]
  }
  statement {
    actions   = ["athena:*", "glue:Get*"]
    resources = ["*"]
  }
  statement {
    actions   = ["s3:*"]
    resources = ["arn:aws:s3:::lake-results", "arn:aws:s3:::lake-results/*"]
  }
  statement {
    actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["arn:aws:s3:::own-inbox/*"]
  }
  # What is delivered again has a success file and files of before to remove.
  statement {
    actions   = ["s3:DeleteObject"]
    resources = ["arn:aws:s3:::own-inbox/files/*", "arn:aws:s3:::own-inbox/partitions/*"]
  }
}

bucket "lake-results" {
  account = "111111111111"
}

bucket "own-inbox" {
  account = "111111111111"
}

table "sales.orders" {
  format  = "csv"
  files   = ["data/orders.csv"]
  columns = ["id bigint", "region varchar", "amount bigint"]
}

role "Inbox" {
  account = "222222222222"

  trust {
    principals  = ["111111111111"]
    external_id = "acme-7f3c"
  }
  statement {
    actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["arn:aws:s3:::acme-inbox/*"]
  }
}

bucket "acme-inbox" {
  account = "222222222222"
  region  = "eu-west-1"
}

role "Drop" {
  account = "333333333333"

  trust {
    principals  = ["111111111111"]
    external_id = "birdwatch-2024"
  }
  statement {
    actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["arn:aws:s3:::birdwatch-drop/*"]
  }
}

bucket "birdwatch-drop" {
  account = "333333333333"
}
