pipeline "p" {
  wait_for "s3" "a" {
    bucket = "Lake" # ERROR bucket-invalid-name: has upper-case letters
    key    = "x"
    poll   = "10ms" # ERROR invalid-value: poll is below 1s
  }
  wait_for "sftp" "b" { # ERROR unknown-kind: there is no wait_for of kind "sftp"
    path = "x"
  }
  wait_for "file" "c" {
    path       = "x"
    on_timeout = "wait" # ERROR invalid-value: "wait" is not one of its values
  }
  wait_for "file" "d" {
    path = "/etc/passwd" # ERROR path-outside: "/etc/passwd" leads out of the project
  }
  source "file" "empty" {
    path = "" # ERROR invalid-value: path is empty
    format "csv" {}
  }
  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.in
    path  = "out.csv"
    format "csv" {}
  }
}
