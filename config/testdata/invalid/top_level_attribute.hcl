timezone = "UTC" # ERROR unknown-attribute: Unsupported argument
