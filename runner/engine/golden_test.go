package engine_test

const goldenHash = ""
