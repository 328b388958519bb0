pipeline { # ERROR wrong-labels: Missing name for pipeline
}
