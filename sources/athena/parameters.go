package athena

import (
	"fmt"
	"math/big"

	"github.com/zclconf/go-cty/cty"
)

// maxParameterChars is Athena's limit on one execution parameter.
const maxParameterChars = 1024

// literals renders values as the SQL literals that ExecutionParameters take:
// strings quoted, numbers in full, booleans and NULL as words. It never touches
// the query's text. The error names the parameter by its position, not by its
// value.
func literals(values []cty.Value) ([]string, error) {
	out := make([]string, 0, len(values))
	for i, v := range values {
		text, err := literal(v)
		if err != nil {
			return nil, fmt.Errorf("parameter %d %w", i+1, err)
		}
		if n := len([]rune(text)); n > maxParameterChars {
			return nil, fmt.Errorf("parameter %d has %d characters as an SQL literal; Athena takes at most %d", i+1, n, maxParameterChars)
		}
		out = append(out, text)
	}
	return out, nil
}

func literal(v cty.Value) (string, error) {
	switch {
	case v.IsNull():
		return "NULL", nil
	case v.Type() == cty.String:
		return quoteString(v.AsString()), nil
	case v.Type() == cty.Bool:
		return map[bool]string{true: "true", false: "false"}[v.True()], nil
	case v.Type() == cty.Number:
		return number(v.AsBigFloat())
	default:
		return "", fmt.Errorf("is a %s; a parameter is a string, a number, a bool or null", v.Type().FriendlyName())
	}
}

// number writes a number without an exponent: Athena reads "1.5" as a decimal
// and "1.5E0" as a double.
func number(f *big.Float) (string, error) {
	if f.IsInf() {
		return "", fmt.Errorf("is infinite, which SQL has no literal for")
	}
	if f.IsInt() {
		return f.Text('f', 0), nil
	}
	return f.Text('f', -1), nil
}
