package sandbox

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	sessionNameRule = regexp.MustCompile(`^[\w+=,.@-]*$`)
	externalIDRule  = regexp.MustCompile(`^[\w+=,.@:/-]*$`)
)

// Limits of session tags.
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

// violations collects what is wrong with a request, in the words of AWS.
type violations []string

func (v *violations) add(value, name, constraint string) {
	*v = append(*v, fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: %s", value, name, constraint))
}

// text checks the length and pattern of a parameter. pattern is how AWS spells
// the rule in its answer.
func (v *violations) text(name string, form url.Values, param string, least, most int, pattern string, rule *regexp.Regexp, required bool) {
	value := form.Get(param)
	if !form.Has(param) {
		if required {
			*v = append(*v, fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", name))
		}
		return
	}
	switch n := utf8.RuneCountInString(value); {
	case n < least:
		v.add(value, name, fmt.Sprintf("Member must have length greater than or equal to %d", least))
	case n > most:
		v.add(value, name, fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
	if rule != nil && !rule.MatchString(value) {
		v.add(value, name, "Member must satisfy regular expression pattern: "+pattern)
	}
}

// session checks what every way to assume a role has.
func (v *violations) session(form url.Values) {
	v.text("roleArn", form, "RoleArn", 20, 2048, `[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+`, nil, true)
	v.text("roleSessionName", form, "RoleSessionName", 2, 64, `[\w+=,.@-]*`, sessionNameRule, true)
	v.text("policy", form, "Policy", 1, 2048, `[\u0009\u000A\u000D\u0020-\u00FF]+`, nil, false)
}

// tags reads Tags.member.N.Key and .Value.
func (v *violations) tags(form url.Values) map[string]string {
	out := map[string]string{}
	for n := 1; ; n++ {
		prefix := fmt.Sprintf("Tags.member.%d.", n)
		if !form.Has(prefix + "Key") {
			break
		}
		key, value := form.Get(prefix+"Key"), form.Get(prefix+"Value")
		if key == "" || len(key) > maxTagKey {
			v.add(key, fmt.Sprintf("tags.%d.member.key", n), fmt.Sprintf("Member must have length between 1 and %d", maxTagKey))
		}
		if len(value) > maxTagValue {
			v.add(value, fmt.Sprintf("tags.%d.member.value", n), fmt.Sprintf("Member must have length less than or equal to %d", maxTagValue))
		}
		out[key] = value
	}
	if len(out) > maxTags {
		v.add(fmt.Sprint(len(out)), "tags", fmt.Sprintf("Member must have length less than or equal to %d", maxTags))
	}
	return out
}

func (v violations) err() error {
	switch len(v) {
	case 0:
		return nil
	case 1:
		return validationError("1 validation error detected: " + v[0])
	}
	return validationError(fmt.Sprintf("%d validation errors detected: %s", len(v), strings.Join(v, "; ")))
}
