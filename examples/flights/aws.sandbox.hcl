# The AWS that this example meets: three accounts on loopback. `waybill sandbox`
# serves it; nothing here reaches the network.

user "analytics" {
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
}

bucket "lake-results" {
  account = "111111111111"
}

table "travel.flights" {
  files = ["data/flights.parquet"]
}

# Acme's side: the least that a delivery needs.
role "FlightInbox" {
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

# Birdwatch's side.
role "ReportDrop" {
  account = "333333333333"

  trust {
    principals  = ["arn:aws:iam::111111111111:user/analytics"]
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
