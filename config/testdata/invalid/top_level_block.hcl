pipelin "p" {} # ERROR unknown-block: no such block at the top
