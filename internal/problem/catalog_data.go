package problem

// dataEntries are what goes wrong between a source's files and an artifact.
var dataEntries = map[string]Entry{
	"wait-timeout": {Title: "what a run waited for did not come", Cause: "A wait_for block looked for it until its timeout.", Remedy: []string{"Find out why it is late: it is made by somebody else.", `Or give it more time (timeout), or let the run go on without it or be skipped (on_timeout = "continue" or "skip").`}, Class: Permanent},
	"contract-broken": {
		Title:  "a source brought other columns than its contract says",
		Cause:  "The attribute columns is a promise to all that reads from the source.",
		Remedy: []string{"Change the query so that it brings these columns.", "Or change columns, and what depends on them."},
		Class:  Permanent,
	},
	"transform-failed": {Title: "a transformation failed", Remedy: []string{"Correct the SQL at the place shown. It is DuckDB's dialect."}, Class: Permanent},
	"sql-refused": {
		Title:  "the SQL does what a transformation may not",
		Cause:  "A transformation is one SELECT over sources and transforms of its pipeline. It reads no files, changes no settings and calls no functions that reach outside.",
		Remedy: []string{"Take the statement or function away. Files come in through a source."},
		Class:  Permanent,
	},
	"out-of-memory": {
		Title:  "a transformation needed more memory than it may use",
		Remedy: []string{"Raise memory_limit in the engine block of the waybill block.", "Sorts, joins and aggregates spill to disk; list() and string_agg() over large groups cannot."},
		Class:  Permanent,
	},
	"spill-full":       {Title: "a transformation needed more temporary space than it may use", Remedy: []string{"Raise max_temp_size in the engine block of the waybill block."}, Class: Permanent},
	"disk-full":        {Title: "the disk is full", Remedy: []string{"Make room where --data-dir is. waybill tries again."}, Class: Transient},
	"engine-crashed":   {Title: "the compute process ended unexpectedly", Cause: "It was killed, perhaps by the kernel for want of memory, or DuckDB crashed.", Remedy: []string{"waybill tries again. If it stays so, lower memory_limit below what the machine has, and report the query."}, Class: Transient},
	"artifact-invalid": {Title: "a finished file did not pass its check", Cause: "Each Parquet file is read by a second implementation before it is sent, and this one was not what it should be.", Remedy: []string{"Nothing was delivered. Please report this with the schema shown."}, Class: Permanent},
	"value-unsupported": {
		Title:  "a value cannot be written in this format",
		Cause:  "JSON has no NaN and no Infinity.",
		Remedy: []string{"Replace such values in the transformation, for instance: CASE WHEN isfinite(x) THEN x END."},
		Class:  Permanent,
	},
	"file-not-found": {Title: "a file does not exist", Remedy: []string{"Correct path. It is relative to the project's directory."}, Class: Permanent},
	"file-too-large": {
		Title: "an object is larger than a command may read by itself", Cause: "It would be copied to this machine first. A Parquet object can be looked at by its footer alone, a text file cannot.",
		Remedy: []string{"Allow as much by --max-size."}, Class: Permanent,
	},
	"file-malformed": {
		Title: "a file's text is not what its source describes",
		Cause: "A line has too few or too many values, a quote is not closed, a value does not fit its column's type, or the text is not UTF-8.",
		Remedy: []string{
			"Correct the file at the line shown.",
			"Or correct delimiter, quote, escape, header and null in the source's format block.",
			"A column that columns declares can be declared varchar, and be converted in a transform, for instance by strptime(day, '%d/%m/%Y').",
		},
		Class: Permanent,
	},
	"file-not-readable": {Title: "a file cannot be read", Remedy: []string{"Check the file's permissions and that its path stays inside the project's directory."}, Class: Permanent},
	"file-write-failed": {Title: "a file cannot be written", Remedy: []string{"Check the directory's permissions and the space on its disk."}, Class: Transient},
	"project-exists":    {Title: "a new project would meet files that exist", Cause: "They would be replaced, or be read as one project with the new ones.", Remedy: []string{"Name another directory: `waybill init DIR`.", "Or add --force: it keeps every file that exists and writes the others, if together they are valid."}, Class: Permanent},
	"path-outside":      {Title: "a path leads out of the project's directory", Cause: "Files that a project reads and writes stay below its directory, symbolic links included.", Remedy: []string{"Use a path inside the project."}, Class: Permanent},
	"path-reserved":     {Title: "a sink would write what is not its own", Cause: "Names that begin with a dot, waybill's database and configuration files are no sink's, and neither is a file that the project reads.", Remedy: []string{"Write to another path, such as out/report.csv."}, Class: Permanent},
	"empty-schema":      {Title: "there are no columns", Cause: "A file without a header line has neither names nor types.", Remedy: []string{"Give the file a header, or add a columns contract to the source."}, Class: Permanent},
	"key-collision":     {Title: "two files would get the same name", Cause: "The second would replace the first.", Remedy: []string{"Make the names differ, for instance by run.date or the sink's name."}, Class: Permanent},
	"unset-variable":    {Title: "an environment variable is not set", Remedy: []string{"Set it in the environment that waybill runs in."}, Class: Permanent},
	"check-failed": {
		Title:  "a check found violations",
		Cause:  "The data is not what the check says it must be. Nothing was delivered.",
		Remedy: []string{"Look at the rows shown, and correct the data or the query that makes it.", "If the rows are right, correct the check, or set its severity to \"warn\"."},
		Class:  Permanent,
	},
	"condition-invalid": {Title: "a condition's query does not answer yes or no", Cause: "Its query must return one row with one boolean column.", Remedy: []string{"Write the query so that it does, for instance: SELECT count(*) > 0 FROM ${transform.name}."}, Class: Permanent},
	"empty-result":      {Title: "there are no rows, and the sink asks for some", Cause: `if_empty = "fail"`, Remedy: []string{"Find out why there are no rows, or set if_empty to \"deliver\" or \"skip\"."}, Class: Permanent},
	"timeout":           {Title: "a step took longer than it may", Remedy: []string{"Raise timeout, or make the step lighter."}, Class: Permanent},
	"cancelled":         {Title: "it was cancelled", Remedy: []string{"`waybill runs retry` goes on where it stopped."}, Class: Permanent},
	"internal":          {Title: "something happened that waybill does not know", Remedy: []string{"Please report it with the text above."}, Class: Permanent},
}

// stateEntries are what goes wrong around the store and the daemon.
var stateEntries = map[string]Entry{
	"sandbox-failed":       {Title: "the local sandbox could not be started", Cause: "The process that serves it ended or did not answer.", Remedy: []string{"Read the process's own words above.", "Choose another --listen address or --data-dir."}, Class: Permanent},
	"state-newer":          {Title: "the state was written by a newer waybill", Remedy: []string{"Use that version or a later one; state is not converted back."}, Class: Permanent},
	"state-unreadable":     {Title: "the state cannot be read", Remedy: []string{"Check --data-dir: the file there is no waybill database, or it is damaged. Restore it from a backup, or move it away to start anew (slots that were delivered may then run again)."}, Class: Permanent},
	"state-locked":         {Title: "another waybill works on this state", Cause: "One daemon uses a data directory at a time.", Remedy: []string{"Stop the other process, or use another --data-dir."}, Class: Permanent},
	"state-readonly":       {Title: "the state cannot be written", Remedy: []string{"Check the permissions of --data-dir."}, Class: Permanent},
	"state-busy":           {Title: "the state stayed locked for too long", Remedy: []string{"Try again."}, Class: Transient},
	"lease-lost":           {Title: "another process took the run over", Cause: "This process was stopped for longer than its lease.", Remedy: []string{"Nothing: the other process goes on with the run."}, Class: Permanent},
	"reload-failed":        {Title: "the new configuration is broken", Cause: "The last good one goes on.", Remedy: []string{"Correct what the diagnostics say and save; `waybill validate` shows them too."}, Class: Permanent},
	"mass-removal-refused": {Title: "the new configuration has lost most of the pipelines", Cause: "That is what a half-done checkout or an unmounted volume looks like.", Remedy: []string{"If it is meant, wait a minute: content that stands for 60 s is taken.", "Or start the daemon with --allow-mass-removal."}, Class: Permanent},
	"clock-behind":         {Title: "the clock is behind what has been scheduled", Cause: "The machine's clock was set back.", Remedy: []string{"Correct the clock. Nothing fires twice; schedules go on when the clock has caught up."}, Class: Permanent},
	"delivery-busy":        {Title: "another run is delivering the same slot", Remedy: []string{"Wait for the other run, or cancel it."}, Class: Transient},
	"run-not-found":        {Title: "there is no such run", Remedy: []string{"`waybill runs list` shows the runs."}, Class: Permanent},
	"pipeline-not-found":   {Title: "there is no such pipeline", Remedy: []string{"`waybill validate` lists the pipelines."}, Class: Permanent},
	"delivery-changed":     {Title: "a delivery that has begun would go on to another place", Cause: "The definition is the same, but a variable or the environment is not: the first part went, or was to go, elsewhere.", Remedy: []string{"Go on with the variables and the environment that the run began with.", "Or start anew with the present ones: `waybill runs retry RUN --fresh`."}, Class: Permanent},
	"definition-changed":   {Title: "the definition of a resumed run cannot be loaded", Remedy: []string{"Start a new run with the current definition."}, Class: Permanent},
}
