package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// An Expr is a parsed expression. The zero Expr never fires.
type Expr struct {
	text string
	kind exprKind
	cron cron
	rate int64 // seconds
}

type exprKind uint8

const (
	never exprKind = iota
	awsCron
	standardCron
	rate
)

// String returns the text that was parsed.
func (e Expr) String() string { return e.text }

// A ParseError tells what is wrong with an expression and where.
type ParseError struct {
	Offset int    // bytes from the beginning of the expression
	Len    int    // bytes to underline; 0 where something is missing
	Field  string // "hours", "day-of-week", …; empty if it is about the whole
	Msg    string // a clause without a full stop
	Hint   string // what to write instead: one or two sentences
}

// Error returns the whole story in one line.
func (e *ParseError) Error() string {
	var b strings.Builder
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	b.WriteString(e.Msg)
	if e.Hint != "" {
		b.WriteString(". " + strings.TrimSuffix(e.Hint, "."))
	}
	return b.String()
}

// word is a part of the expression and where it begins.
type word struct {
	text string
	at   int
}

func (w word) errorf(field, hint, format string, args ...any) *ParseError {
	return &ParseError{Offset: w.at, Len: len(w.text), Field: field, Msg: fmt.Sprintf(format, args...), Hint: hint}
}

// trim drops the white space around a word.
func (w word) trim() word {
	left := strings.TrimLeft(w.text, " \t\r\n")
	return word{strings.TrimRight(left, " \t\r\n"), w.at + len(w.text) - len(left)}
}

// fields splits a word at white space.
func (w word) fields() []word {
	var out []word
	for rest := w.trim(); rest.text != ""; {
		n := strings.IndexAny(rest.text, " \t\r\n")
		if n < 0 {
			n = len(rest.text)
		}
		out = append(out, word{rest.text[:n], rest.at})
		rest = word{rest.text[n:], rest.at + n}.trim()
	}
	return out
}

// Parse reads an expression in any of the three forms. The error is a
// *ParseError. An expression that matches no day at all, such as the 31st of
// February, is an error too.
func Parse(expr string) (Expr, error) {
	e, err := parse(word{expr, 0}.trim())
	if err != nil {
		return Expr{}, err
	}
	e.text = expr
	return e, nil
}

func parse(w word) (Expr, *ParseError) {
	name, inner, ok, err := unwrap(w)
	switch {
	case err != nil:
		return Expr{}, err
	case ok && name == "rate":
		return parseRate(inner)
	case ok && name == "cron":
		return parseCron(inner, true)
	case ok:
		return Expr{}, w.errorf("", "Write a cron expression or rate(…) here; for a single run use `waybill run PIPELINE --at TIME`.",
			"an expression in AWS's at(…) form fires once only")
	default:
		return parseCron(w, false)
	}
}

// unwrap takes name(…) apart.
func unwrap(w word) (name string, inner word, ok bool, err *ParseError) {
	for _, name := range []string{"cron", "rate", "at"} {
		rest, found := strings.CutPrefix(w.text, name+"(")
		if !found {
			continue
		}
		body, closed := strings.CutSuffix(rest, ")")
		if !closed {
			end := word{"", w.at + len(w.text)}
			return "", word{}, false, end.errorf("", "Close it: "+w.text+")", "%s( has no closing parenthesis", name)
		}
		return name, word{body, w.at + len(name) + 1}, true, nil
	}
	return "", word{}, false, nil
}

// rateUnits are AWS's units, in seconds; the plural has an s.
var rateUnits = map[string]int64{"minute": minute, "hour": hour, "day": day}

// maxRate keeps intervals below what a time.Duration can hold.
const maxRate = 100 * 365 * day

func parseRate(w word) (Expr, *ParseError) {
	const form = "Write a whole number and minutes, hours or days: rate(15 minutes), rate(1 hour)."
	parts := w.fields()
	if len(parts) != 2 {
		return Expr{}, w.errorf("", form, "rate needs a number and a unit")
	}
	n, err := strconv.ParseInt(parts[0].text, 10, 64)
	if err != nil || n < 1 || parts[0].text[0] == '+' {
		return Expr{}, parts[0].errorf("", form, "%q is not a whole number from 1 on", parts[0].text)
	}
	singular := strings.TrimSuffix(parts[1].text, "s")
	unit, ok := rateUnits[singular]
	if !ok {
		hint := form
		if strings.HasPrefix(parts[1].text, "second") {
			hint = "Nothing fires faster than once a minute: rate(1 minute)."
		}
		return Expr{}, parts[1].errorf("", hint, "%q is not a unit", parts[1].text)
	}
	if plural := parts[1].text != singular; plural != (n != 1) {
		right := singular
		if n != 1 {
			right += "s"
		}
		return Expr{}, parts[1].errorf("", fmt.Sprintf("Write rate(%d %s).", n, right), "AWS wants the singular after 1 and the plural after any other number")
	}
	if n > maxRate/unit {
		return Expr{}, w.errorf("", "The longest interval is 36500 days.", "an interval of over a hundred years")
	}
	return Expr{kind: rate, rate: n * unit}, nil
}

// fieldCount is the number of fields in each form.
const (
	awsFields      = 6
	standardFields = 5
)

func parseCron(w word, wrapped bool) (Expr, *ParseError) {
	parts := w.fields()
	if err := checkCount(w, parts, wrapped); err != nil {
		return Expr{}, err
	}
	e := Expr{kind: standardCron}
	if len(parts) == awsFields {
		e.kind = awsCron
	}
	if err := e.cron.parse(parts); err != nil {
		return Expr{}, err
	}
	if _, ok := e.cron.next(civil(minYear, time.January, 1)); !ok {
		return Expr{}, neverFires(w, parts)
	}
	return e, nil
}

func neverFires(w word, parts []word) *ParseError {
	days := parts[2].text
	if days == "?" {
		days = parts[4].text
	}
	return w.errorf("", "Correct the day or the month. In the AWS form, L in day-of-month is a month's last day, whatever its number.",
		"never fires: month %q has no day %q in the years that the expression covers", parts[3].text, days)
}

// checkCount tells the two cron forms apart by their number of fields, and
// says what is wrong with any other number.
func checkCount(w word, parts []word, wrapped bool) *ParseError {
	end := word{"", w.at + len(w.text)}
	switch len(parts) {
	case awsFields:
		return nil
	case standardFields:
		if wrapped {
			return end.errorf("year", "Add the year, * for every one; or drop cron( ) to use the standard five-field form.", "missing: inside cron( ) all six fields are required")
		}
		for i, p := range parts {
			if i != 2 && i != 4 {
				continue
			}
			if sign := awsSign(p.text); sign != "" {
				return end.errorf("year", fmt.Sprintf("Add the year: %s *", w.trim().text), "missing: %s belongs to the AWS form, which has six fields", sign)
			}
		}
		return nil
	case 0:
		return w.errorf("", "Write, for example, 0 9 ? * MON-FRI * for 09:00 on weekdays.", "the expression is empty")
	case 1:
		if text, ok := macros[strings.ToLower(parts[0].text)]; ok {
			return w.errorf("", "Write "+text+".", "%s is not a form that is read here", parts[0].text)
		}
	case 7:
		return w.errorf("", "Drop the first one if it is the seconds: nothing fires faster than once a minute.", "seven fields")
	}
	return w.errorf("", "The AWS form has six: minutes hours day-of-month month day-of-week year. The standard form has five, without the year.", "%d fields", len(parts))
}

// macros of other crons, and what they mean.
var macros = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// awsSign returns the first sign of a day field that only the AWS form knows.
func awsSign(field string) string {
	field = strings.ToUpper(field)
	for _, name := range weekdayNames {
		field = strings.ReplaceAll(field, name, "") // WED is no W
	}
	if i := strings.IndexAny(field, "?#LW"); i >= 0 {
		return field[i : i+1]
	}
	return ""
}
