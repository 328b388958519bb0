package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// plural is "1 file", "3 files".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return number(int64(n)) + " " + what + "s"
}

// some lists names: "a, b, c and 47 more".
func some(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %s more", strings.Join(names[:most], ", "), number(int64(len(names)-most)))
}

// rows is "1 row", "3,000,000 rows".
func rows(n int64) string { return plural(int(n), "row") }

// number groups digits: 3,000,000.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	var parts []string
	for len(s) > 3 {
		parts = append([]string{s[len(s)-3:]}, parts...)
		s = s[:len(s)-3]
	}
	return sign + strings.Join(append([]string{s}, parts...), ",")
}

// size is bytes with a decimal unit: 4 KB, 1.2 GB.
func size(n int64) string {
	units := []string{"B", "KB", "MB", "GB", "TB"}
	f, i := float64(n), 0
	for f >= 999.5 && i < len(units)-1 {
		f /= 1000
		i++
	}
	if i == 0 || f >= 9.95 {
		return fmt.Sprintf("%.0f %s", f, units[i])
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}

// shortDuration is 0.2 s, 4.1 s, 3m20s.
func shortDuration(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// when is a time as people say it: Sun 22 Nov 09:00, with the year if it is
// not this one.
func when(t time.Time, loc *time.Location) string {
	t = t.In(loc)
	layout := "Mon 2 Jan 15:04"
	if t.Second() != 0 {
		layout = "Mon 2 Jan 15:04:05"
	}
	if t.Year() != time.Now().In(loc).Year() {
		layout = strings.Replace(layout, "Jan", "Jan 2006", 1)
	}
	return t.Format(layout) + " " + zoneName(loc)
}

// zoneName is a zone's city, or UTC.
func zoneName(loc *time.Location) string {
	name := loc.String()
	return strings.ReplaceAll(name[strings.LastIndex(name, "/")+1:], "_", " ")
}

// needs is cobra.ExactArgs(1) in words.
func needs(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch len(args) {
		case 1:
			return nil
		case 0:
			return fmt.Errorf("%s needs %s", cmd.CommandPath(), what)
		}
		return fmt.Errorf("%s takes %s and nothing else: %q is too much", cmd.CommandPath(), what, args[1])
	}
}
