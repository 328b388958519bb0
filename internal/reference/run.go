package reference

// runMeanings say what the attributes of run are.
var runMeanings = map[string]string{
	"id":             "The run's id.",
	"pipeline":       "The pipeline's name.",
	"scheduled_at":   "The slot, in RFC 3339 with the offset of the schedule's time zone.",
	"date":           "The slot's day in the schedule's time zone: `2026-01-31`. Of several schedules the first one's zone counts; without one, the project's.",
	"interval_start": "The slot before this one, as a timestamp. Without one, the same as `interval_end`.",
	"interval_end":   "The slot, as a timestamp.",
	"attempt":        "1, and one more each time that the run is taken up again.",
	"trigger":        "What made the run: `schedule`, `after` or `manual`.",
}
