// Package schedule says when a pipeline fires. It is pure: it knows no clock,
// no store and no AWS.
//
// # Expressions
//
// Three forms, told apart by what they look like:
//
//	0 9 ? * MON-FRI *     AWS: minutes hours day-of-month month day-of-week year
//	0 9 * * 1-5           standard: minute hour day-of-month month day-of-week
//	rate(15 minutes)      a fixed interval
//
// The AWS form follows the cron reference of Amazon EventBridge: all six
// fields are required, one of the two day fields is `?`, 1 is Sunday, and L, W
// and # stand alone in their field. It may be wrapped in cron(…), as it is
// pasted from there. `31W` and `MON#5` fire only in months that have such a day.
//
// The standard form follows POSIX and Vixie cron: 0 and 7 are Sunday, and if
// neither day field begins with `*`, a day that matches either of them counts.
//
// rate(n unit) is anchored at 1970-01-01 00:00 UTC, whatever the time zone, so
// that neither a restart nor a reload can move it; AWS anchors it at the moment
// the rule is created. A day is 24 hours.
//
// # Time zones
//
// Cron is computed in civil time and then mapped to instants, as EventBridge
// Scheduler does. A time that daylight saving skips does not fire, or with
// dst_gap = "shift" fires as much later as the clock was put forward (the rule
// of RFC 5545). A time that occurs twice fires the first time only, unless its
// hour was written as a wildcard or a step (`*`, `*/2`, `8-18/2`): those hours
// mean elapsed time and fire in both passes.
package schedule

// Time zones must not depend on what the machine has installed.
import _ "time/tzdata"
