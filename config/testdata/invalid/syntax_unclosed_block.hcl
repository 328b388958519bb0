pipeline "p" { # ERROR syntax: Unclosed configuration block
