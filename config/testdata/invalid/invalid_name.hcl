pipeline "daily orders" { # ERROR invalid-name: "daily orders" cannot be a name
}
