package compile

import (
	"time"

	"waybill/internal/schema"
	"waybill/runner/encode"
	"waybill/runner/retry"
)

// Settings are what the `waybill` block says about the whole project.
type Settings struct {
	RequiredVersion   string        `wb:"required_version"`
	Timezone          string        `wb:"timezone"`
	MaxConcurrentRuns int64         `wb:"max_concurrent_runs"`
	MaxConcurrentJobs int64         `wb:"max_concurrent_jobs"`
	Engine            Engine        `wb:"engine"`
	Retention         Retention     `wb:"retention"`
	Retry             *retry.Policy `wb:"retry"`
}

// RetryPolicy is the policy of steps that have none of their own.
func (s Settings) RetryPolicy() retry.Policy {
	if s.Retry == nil {
		return retry.Default()
	}
	return s.Retry.Or(retry.Default())
}

// Engine bounds one compute job.
type Engine struct {
	MemoryLimit int64 `wb:"memory_limit"`  // bytes
	Threads     int64 `wb:"threads"`       // of DuckDB
	MaxTempSize int64 `wb:"max_temp_size"` // bytes of spill
}

// Retention says how long what is over is kept.
type Retention struct {
	Runs  time.Duration `wb:"runs"`
	Spool time.Duration `wb:"spool"`
}

var engineBlock = &schema.Block{
	Type: "engine", Doc: "Bounds one compute job, the child process in which a run's SQL works.",
	Example: "engine {\n  memory_limit = \"1GiB\"\n}",
	Attrs: []schema.Attr{
		{Name: "memory_limit", Type: schema.Size, Default: "1GiB", Doc: "Memory that DuckDB may use: seven eighths of it for its buffers, before it spills to disk. All processes of a run together take 256 MB more at most.", Example: `"4GiB"`},
		{Name: "threads", Type: schema.Int, Default: "2", Doc: "Threads that DuckDB works with.", Example: "4"},
		{Name: "max_temp_size", Type: schema.Size, Default: "50GiB", Doc: "Disk space that one job may spill to.", Example: `"200GiB"`},
	},
}

var retentionBlock = &schema.Block{
	Type: "retention", Doc: "How long the daemon keeps what is over.",
	Example: "retention {\n  runs = \"30d\"\n}",
	Attrs: []schema.Attr{
		{Name: "runs", Type: schema.Duration, Default: "90d", Doc: "Age at which finished runs leave the history. The ledger of deliveries stays.", Example: `"30d"`},
		{Name: "spool", Type: schema.Duration, Default: "24h", Doc: "Age at which the files of finished runs are removed. Until then a failed run can be retried with the same bytes.", Example: `"7d"`},
	},
}

// settingsBlock describes the `waybill` block.
var settingsBlock = &schema.Block{
	Type: "waybill", Doc: "Settings of the whole project. At most one; everything in it has a default.",
	Example: "waybill {\n  timezone = \"Europe/Berlin\"\n}",
	Attrs: []schema.Attr{
		{Name: "required_version", Type: schema.String, Doc: "The versions of waybill that may read this project: a comparison, or several separated by commas.", Example: `">= 0.1"`},
		{Name: "timezone", Type: schema.String, Default: "UTC", Doc: "Time zone (IANA name) of schedules that name none.", Example: `"America/New_York"`},
		{Name: "max_concurrent_runs", Type: schema.Int, Default: "8", Doc: "Runs that the daemon carries at the same time.", Example: "4"},
		{Name: "max_concurrent_jobs", Type: schema.Int, Default: "2", Doc: "Compute jobs at the same time. A run that waits for Athena or for a retry holds none.", Example: "1"},
	},
	Blocks: []schema.Nested{{Block: engineBlock}, {Block: retentionBlock}, {Block: retry.Block()}},
}

// pipelineConfig is the `pipeline` block without its steps.
type pipelineConfig struct {
	Description string        `wb:"description"`
	Owner       string        `wb:"owner"`
	Tags        []string      `wb:"tags"`
	Enabled     bool          `wb:"enabled"`
	Timeout     time.Duration `wb:"timeout"`
	Sensitive   []string      `wb:"sensitive_columns"`
	Priority    int64         `wb:"priority"`
	After       []string      `wb:"after"`

	OnStepFailure string        `wb:"on_step_failure"`
	SlowAfter     time.Duration `wb:"slow_after"`
	DeliverBy     string        `wb:"deliver_by"`
	PauseAfter    int64         `wb:"pause_after_failures"`
	OnFailure     []*Notifier   `wb:"on_failure"`
	OnSuccess     []*Notifier   `wb:"on_success"`
	OnRecovery    []*Notifier   `wb:"on_recovery"`
	OnSlow        []*Notifier   `wb:"on_slow"`
	OnLate        []*Notifier   `wb:"on_late"`
	OnMissing     []*Notifier   `wb:"on_missing_upstream"`

	Schedules []scheduleConfig `wb:"schedule"`
}

type scheduleConfig struct {
	Cron          string        `wb:"cron"`
	Timezone      string        `wb:"timezone"`
	DSTGap        string        `wb:"dst_gap"`
	Overlap       string        `wb:"overlap"`
	CatchUp       string        `wb:"catch_up"`
	CatchUpWindow time.Duration `wb:"catch_up_window"`
	Jitter        time.Duration `wb:"jitter"`
}

var scheduleBlock = &schema.Block{
	Type: "schedule", Doc: "When the pipeline runs. Several schedules may stand in a pipeline; where they coincide it runs once.",
	Example: "schedule {\n  cron     = \"0 9 ? * MON-FRI *\"\n  timezone = \"America/New_York\"\n}",
	Attrs: []schema.Attr{
		{Name: "cron", Type: schema.String, Required: true, Doc: "The six fields of AWS EventBridge (minutes hours day-of-month month day-of-week year, 1 = SUN), the standard five (0 = SUN), or rate(n minutes|hours|days).", Example: `"0 9 ? * MON-FRI *"`},
		{Name: "timezone", Type: schema.String, Doc: "Time zone (IANA name) of the expression. Default: the waybill block's timezone.", Example: `"Europe/Berlin"`},
		{Name: "dst_gap", Type: schema.String, Default: "skip", OneOf: []string{"skip", "shift"}, Doc: "What becomes of a time that does not exist because clocks are set forward: skip the day, or shift to right after the gap.", Example: `"shift"`},
		{Name: "overlap", Type: schema.String, Default: "queue", OneOf: []string{"queue", "skip", "cancel_previous", "allow"}, Doc: "What happens when a slot is due while an earlier run still goes on: it waits its turn, it is recorded as skipped, the earlier run is cancelled (unless it is delivering), or both run.", Example: `"skip"`},
		{Name: "catch_up", Type: schema.String, Default: "latest", OneOf: []string{"latest", "none", "all"}, Doc: "Which slots run that were missed while no daemon was there: the latest, none, or all (at most 100).", Example: `"all"`},
		{Name: "catch_up_window", Type: schema.Duration, Default: "24h", Doc: "How old a missed slot may be to be caught up.", Example: `"7d"`},
		{Name: "jitter", Type: schema.Duration, Default: "0s", Doc: "Spreads starts: the pipeline starts up to this much after its time, at most 24h, always by the same amount. run.scheduled_at keeps the nominal time.", Example: `"5m"`},
	},
}

// pipelineBlock describes the `pipeline` block; its steps are read by their
// registries.
var pipelineBlock = &schema.Block{
	Type: "pipeline", Labels: []schema.Label{{Name: "name", Doc: "Unique in the project."}},
	Doc: "Data's way from sources through transforms to sinks, run as a whole. The order of its steps comes from their references alone.",
	Attrs: append([]schema.Attr{
		forEachAttr,
		{Name: "description", Type: schema.String, Doc: "What it is for, shown in lists.", Example: `"Orders by region, for Acme"`},
		{Name: "owner", Type: schema.String, Doc: "Who answers for it.", Example: `"growth"`},
		{Name: "tags", Type: schema.Strings, Doc: "Words to choose pipelines by.", Example: `["acme"]`},
		{Name: "enabled", Type: schema.Bool, Default: "true", Doc: "Whether its schedules fire. It can be run by hand either way.", Example: "false"},
		{Name: "priority", Type: schema.Int, Default: "0", Doc: "Which runs begin first when more are due than may run at the same time: those with the higher number. Runs that have begun are not interrupted.", Example: "10"},
		{Name: "sensitive_columns", Type: schema.Strings, Doc: "Columns that are personal, by their names in the sources. They are left out of samples and previews, and a sink refuses them unless it has allow_sensitive = true. A column that a mask hashes, empties or drops is not sensitive any more; a select that renames one is followed, and so is its name through SQL: an alias hides it from this check.", Example: `["email", "phone"]`},
		{Name: "after", Type: schema.PipelineList, Doc: "Pipelines that come first. Without a schedule of its own, the pipeline takes each slot of theirs for which all of them have succeeded; if one ends otherwise, the slot is skipped. With a schedule, it runs at its own slots if all of them have succeeded since it last ran, and else skips the slot.", Example: "[pipeline.load_orders]"},
		{Name: "timeout", Type: schema.Duration, Default: "24h", Doc: "Longest time for one run, retries included. A delivery whose first object is sent is not interrupted.", Example: `"2h"`},
	}, later...),
	Blocks: []schema.Nested{{Block: scheduleBlock, Repeat: true}},
}

// later are attributes of a pipeline that are checked already.
var later = []schema.Attr{
	{Name: "on_step_failure", Type: schema.String, Default: "stop", OneOf: []string{"stop", "continue"}, Pending: true, Doc: "What the failure of a step means for the others: stop fails the run before anything is delivered; continue lets branches go on that do not depend on it.", Example: `"continue"`},
	{Name: "slow_after", Type: schema.Duration, Pending: true, Doc: "How long a run may take until on_slow tells of it.", Example: `"45m"`},
	{Name: "deliver_by", Type: schema.String, Pending: true, Doc: "The time of day, in the schedule's zone, at which all must be delivered; if not, on_late tells of it.", Example: `"10:30"`},
	{Name: "pause_after_failures", Type: schema.Int, Pending: true, Doc: "How many runs may fail in a row until the pipeline is paused.", Example: "10"},
	hookAttr("on_failure", "when a run fails"),
	hookAttr("on_success", "when a run succeeds"),
	hookAttr("on_recovery", "when a run succeeds after one that failed"),
	hookAttr("on_slow", "when a run takes longer than slow_after"),
	hookAttr("on_late", "when a delivery is not there at deliver_by"),
	hookAttr("on_missing_upstream", "when what a wait_for block waits for does not come"),
}

// stepConfig is what all steps that retry have in common.
type stepConfig struct {
	Retry   *retry.Policy `wb:"retry"`
	Timeout time.Duration `wb:"timeout"`
}

var timeoutAttr = schema.Attr{Name: "timeout", Type: schema.Duration, Doc: "Longest time for one attempt. Default: only the pipeline's timeout.", Example: `"30m"`}

// sourceConfig is what every source has.
type sourceConfig struct {
	stepConfig
	Columns map[string]string `wb:"columns"`
}

// sourceCommon describes what every source has.
var sourceCommon = &schema.Block{
	Type: "source", Labels: []schema.Label{{Name: "kind"}, {Name: "name", Doc: "Unique among the pipeline's sources; used as source.name."}},
	Attrs: []schema.Attr{
		forEachAttr,
		{Name: "columns", Type: schema.OrderedMap, Doc: "The columns that the source promises, with Athena's type names: a contract. Other columns than these fail the run before anything is computed, and SQL is type-checked against them by validate. A CSV file is read with these types.", Example: `{ id = "bigint", total = "decimal(12,2)" }`},
		timeoutAttr,
	},
	Blocks: []schema.Nested{{Block: retry.Block()}},
}

// waitConfig is what every wait has.
type waitConfig struct {
	Timeout   time.Duration `wb:"timeout"`
	Poll      time.Duration `wb:"poll"`
	OnTimeout string        `wb:"on_timeout"`
}

// waitCommon describes what every wait has.
var waitCommon = &schema.Block{
	Type: Wait, Labels: []schema.Label{{Name: "kind"}, {Name: "name", Doc: "Unique among the pipeline's waits."}},
	Attrs: []schema.Attr{
		forEachAttr,
		{Name: "timeout", Type: schema.Duration, Default: "2h", Doc: "Longest time to wait, from when the run began to. \"0s\" looks once.", Example: `"30m"`},
		{Name: "poll", Type: schema.Duration, Default: "1m", Doc: "Time between two looks; at least 1s.", Example: `"10s"`},
		{Name: "on_timeout", Type: schema.String, Default: "fail", OneOf: []string{"fail", "skip", "continue"}, Doc: "What happens when it does not come: the run fails, ends as skipped with nothing delivered, or goes on without it.", Example: `"skip"`},
	},
}

// transformCommon describes what every transform has.
var transformCommon = &schema.Block{
	Type: "transform", Labels: []schema.Label{{Name: "kind"}, {Name: "name", Doc: "Unique among the pipeline's transforms; used as transform.name."}},
	Attrs: []schema.Attr{forEachAttr},
}

// checkConfig is what every check has.
type checkConfig struct {
	Severity string `wb:"severity"`
}

// checkCommon describes what every check has.
var checkCommon = &schema.Block{
	Type: "check", Labels: []schema.Label{{Name: "kind"}, {Name: "name", Doc: "Unique among the pipeline's checks."}},
	Attrs: []schema.Attr{
		forEachAttr,
		{Name: "severity", Type: schema.String, Default: "error", OneOf: []string{"error", "warn"}, Doc: "What a violation means: error fails the run before anything is delivered; warn is told, and the run goes on.", Example: `"warn"`},
	},
}

// conditionCommon describes what every condition has.
var conditionCommon = &schema.Block{
	Type: "condition", Labels: []schema.Label{{Name: "kind"}, {Name: "name", Doc: "Unique among the pipeline's conditions."}},
	Attrs: []schema.Attr{forEachAttr},
}

// sinkConfig is what every sink has.
type sinkConfig struct {
	stepConfig
	Input   schema.RefValue `wb:"input"`
	Format  encode.Format   `wb:"format"`
	OrderBy []string        `wb:"order_by"`
	IfEmpty string          `wb:"if_empty"`

	AllowSensitive bool        `wb:"allow_sensitive"`
	PGP            *encode.PGP `wb:"pgp"`

	MaxFileRows int64    `wb:"max_file_rows"`
	MaxFileSize int64    `wb:"max_file_size"` // bytes
	PartitionBy []string `wb:"partition_by"`
	IfExists    string   `wb:"if_exists"`
	Mode        string   `wb:"mode"`
	KeyColumns  []string `wb:"key_columns"`
}

// sinkCommon describes what every sink has.
var sinkCommon = &schema.Block{
	Type: "sink", Labels: []schema.Label{{Name: "kind"}, {Name: "name", Doc: "Unique among the pipeline's sinks."}},
	Attrs: []schema.Attr{
		forEachAttr,
		{Name: "input", Type: schema.Ref, Required: true, Doc: "What is delivered: source.name or transform.name.", Example: "transform.by_region"},
		{Name: "order_by", Type: schema.Strings, Doc: "Columns that rows are sorted by, each with \" desc\" or \" asc\" behind it or not, NULLs last: within each file, and from each file to the next of the same partition. Without it rows come in no particular order.", Example: `["name", "total desc"]`},
		{Name: "if_empty", Type: schema.String, Default: "deliver", OneOf: []string{"deliver", "skip", "fail"}, Doc: "What happens with no rows: deliver a file without rows, deliver nothing, or fail. With partition_by there is no file to deliver then, but a manifest and a success file.", Example: `"skip"`},
		maxFileRowsAttr, maxFileSizeAttr, partitionByAttr, successKeyAttr, manifestKeyAttr, ifExistsAttr, modeAttr, keyColumnsAttr,
		{Name: "allow_sensitive", Type: schema.Bool, Default: "false", Doc: "Whether the sink may deliver columns that the pipeline's sensitive_columns name.", Example: "true"},
		timeoutAttr,
	},
	Blocks: []schema.Nested{{Block: encode.Block(), Required: true}, {Block: encode.PGPBlock()}, {Block: retry.Block()}},
}
