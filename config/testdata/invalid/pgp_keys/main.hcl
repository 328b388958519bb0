pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "expired" {
    input = source.orders
    path  = "out/expired.csv.pgp"
    format "csv" {}
    pgp {
      public_key = file("expired.asc") # ERROR pgp-key-invalid: of Old Acme <old@acme.example> expired on 2020-12-31
    }
  }
  sink "file" "subkey" {
    input = source.orders
    path  = "out/subkey.csv.pgp"
    format "csv" {}
    pgp {
      public_key = file("expired_subkey.asc") # ERROR pgp-key-invalid: has an encryption subkey that expired on 2024-01-01
    }
  }
  sink "file" "revoked" {
    input = source.orders
    path  = "out/revoked.csv.pgp"
    format "csv" {}
    pgp {
      public_key = file("revoked.asc") # ERROR pgp-key-invalid: was revoked by its owner
    }
  }
  sink "file" "signs" {
    input = source.orders
    path  = "out/signs.csv.pgp"
    format "csv" {}
    pgp {
      public_key = join("\n", [file("acme.asc"), file("sign_only.asc")]) # ERROR pgp-key-invalid: of Signer <sign@acme.example> can sign, but not encrypt
    }
  }
  sink "file" "none" {
    input = source.orders
    path  = "out/none.csv.pgp"
    format "csv" {}
    pgp {
      public_key = "acme.asc" # ERROR pgp-key-invalid: it is neither ASCII armor nor base64
    }
  }
  sink "file" "ending" {
    input = source.orders
    path  = "out/ending.csv" # WARNING extension-mismatch: Usual for this format: .csv.asc
    format "csv" {}
    pgp {
      public_key = filebase64("acme.asc") # ERROR pgp-key-invalid: it cannot be read
      armor      = true
    }
  }
}
