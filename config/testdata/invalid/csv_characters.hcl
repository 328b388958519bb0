pipeline "p" {
  source "file" "outside" {
    path = "../in.csv" # ERROR path-outside: "../in.csv" leads out of the project
    format "csv" {}
  }
  source "file" "characters" {
    path = "in.csv"
    format "csv" {
      delimiter = "||" # ERROR invalid-value: delimiter is not one ASCII character
    }
  }
  source "file" "same" {
    path = "in.csv"
    format "csv" {
      delimiter = "\"" # ERROR invalid-value: the delimiter is the quote or the escape too
      null      = "a\nb" # ERROR invalid-value: null holds the delimiter, the quote or a line break
    }
  }
  sink "file" "o" {
    input = source.same
    path  = "out/b.csv"
    format "csv" {
      delimiter = "" # ERROR invalid-value: format.delimiter is empty
    }
  }
}
