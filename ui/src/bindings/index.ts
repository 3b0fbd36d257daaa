// Generated from the Rust types by `make bindings`. Do not edit.

/**
 * Long work, running or ended.
 */
export type Activity = { id: number, 
/**
 * `source`, `evaluation`, `sync`, `tail`, `query`, `lag`, `compaction`.
 */
kind: string, title: string, state: ActivityState, done: number | null, total: number | null, per_second: number | null, started_ms: number, ended_ms: number | null, detail: string | null, error: Error | null, can_cancel: boolean, };

export type ActivityRequest = { id: number, };

export type ActivityState = "running" | "done" | "failed" | "cancelled";

export type Aggregate = "count" | "sum" | "min" | "max" | "avg" | "distinct";

/**
 * A comparison of a warehouse column.
 */
export type AttributeCondition = { 
/**
 * `warehouse.table`.
 */
table: string, column: string, op: Operator, value?: Value | null, };

export type AudienceChartRequest = { name: string, style: ChartStyle, };

/**
 * `audiences/NAME.toml` (conditions) or `audiences/NAME.sql` (any `SELECT` whose first column is `profile_id`).
 */
export type AudienceDefinition = { title?: string | null, description?: string | null, 
/**
 * Exactly one of `condition` and `sql`. In files, `sql` is the text of `NAME.sql`.
 */
condition?: Condition | null, sql?: string | null, };

export type AudienceDetail = { summary: AudienceSummary, definition: AudienceDefinition, 
/**
 * Relative to the workspace.
 */
file: string, sql: string, 
/**
 * The whole audience as a sentence; of SQL: absent.
 */
sentence: string | null, 
/**
 * Syncs that deliver it.
 */
syncs: Array<string>, };

export type AudienceExportRequest = { name: string, 
/**
 * Ends in `.csv`, `.parquet` or `.json`.
 */
path: string, };

/**
 * An audience evaluated as it is being edited.
 */
export type AudiencePreview = { sql: string, sentence: string | null, size: number, 
/**
 * Of every profile.
 */
universe: number, 
/**
 * Against the published one: who would enter and exit.
 */
entering: number, exiting: number, 
/**
 * The size of each condition alone, by its path in the tree (`0`, `1.0`, ...).
 */
conditions: Array<ConditionSize>, sample: Array<SampleMember>, took_ms: number, evaluated_ms: number, 
/**
 * Events that the answer is over: all in the event log; absent: unknown.
 */
events: number | null, };

export type AudiencePreviewRequest = { 
/**
 * Of an audience that exists, to compare with; empty: a new one.
 */
name: string, definition: AudienceDefinition, };

export type AudienceSaveRequest = { name: string, definition: AudienceDefinition, };

export type AudienceSummary = { name: string, title: string | null, description: string | null, 
/**
 * `conditions` or `sql`.
 */
kind: string, 
/**
 * Absent: not evaluated yet.
 */
members: number | null, 
/**
 * Since the workspace was opened.
 */
entered: number, exited: number, evaluated_ms: number | null, 
/**
 * How long the last evaluation took.
 */
took_ms: number | null, error: Error | null, };

export type Broker = { id: number, host: string, port: number, 
/**
 * Partitions that it leads.
 */
leads: number, };

/**
 * A chart drawn in Rust. `svg` is a whole `<svg>` element.
 */
export type Chart = { svg: string, };

/**
 * How a chart shall be drawn.
 */
export type ChartStyle = { width: number, height: number, dark: boolean, };

export type ClusterKind = "kafka" | "sandbox";

/**
 * A cluster looked at: every call speaks to it.
 */
export type ClusterOverview = { name: string, cluster_id: string | null, brokers: Array<Broker>, topics: number, partitions: number, 
/**
 * Absent: the cluster does not say, because listing groups is not allowed or one of its brokers is away.
 */
groups: number | null, 
/**
 * How long the cluster took to answer.
 */
took_ms: number, };

export type ClusterRequest = { cluster: string, };

export type ClusterSummary = { name: string, kind: ClusterKind, color: string, read_only: boolean, 
/**
 * `bootstrap.servers`; of the sandbox: its address once it runs.
 */
bootstrap: string | null, };

/**
 * One column of a table of rows.
 */
export type Column = { name: string, 
/**
 * As SQL names it: `BIGINT`, `DOUBLE`, `VARCHAR`, `TIMESTAMP`, `BOOLEAN`, `STRUCT`, `LIST`.
 */
data_type: string, 
/**
 * Whether it is right-aligned.
 */
numeric: boolean, };

/**
 * An aggregate over a profile's events. A profile without such events has no value, but a count of 0.
 */
export type ComputedTrait = { event: string, aggregate: Aggregate, 
/**
 * The property aggregated; not for `count`.
 */
property?: string | null, where?: Array<PropertyCondition>, 
/**
 * Ends at the time of evaluation; absent: all of history.
 */
window?: Span | null, };

/**
 * A tree of conditions. In TOML: `condition.all = [...]`, `{ performed = { event = "...", ... } }`, ...
 */
export type Condition = { "all": Array<Condition> } | { "any": Array<Condition> } | { "not": Condition } | { "performed": Performed } | { "attribute": AttributeCondition } | { "trait": TraitCondition } | { "in_audience": string } | { "sql": string };

export type ConditionSize = { path: string, size: number, };

export type ConnectionStep = { 
/**
 * `configuration`, `name lookup`, `tcp`, `kafka`, `metadata`.
 */
step: string, ok: boolean, detail: string, took_ms: number, };

/**
 * The steps of a connection, in order; the first that failed ends them.
 */
export type ConnectionTest = { ok: boolean, steps: Array<ConnectionStep>, };

/**
 * The numbers beside the entries of the rail and in the status bar.
 */
export type Counts = { clusters: number, 
/**
 * Of the cluster chosen; absent: it does not answer.
 */
topics: number | null, groups: number | null, groups_stopped: number, groups_warning: number, profiles: number, events: number, events_per_second: number, duplicates: number, malformed: number, traits: number, audiences: number, destinations: number, syncs: number, activities_running: number, log_bytes: number, 
/**
 * The checkpoint that these numbers stand for.
 */
as_of_ms: number | null, };

export type CountsRequest = { 
/**
 * The cluster chosen in the window.
 */
cluster: string | null, };

export type DestinationKind = "postgres" | "webhook" | "file";

export type DestinationSummary = { name: string, kind: DestinationKind, 
/**
 * Where it leads, without secrets: host and database, address, path.
 */
target: string, syncs: Array<string>, error: Error | null, };

export type DestinationTest = { ok: boolean, detail: string, took_ms: number, };

/**
 * Who can mend the error.
 */
export type Domain = "user" | "external" | "internal";

/**
 * See the module's text.
 */
export type Error = { domain: Domain, 
/**
 * Whether the same call may succeed later with nothing changed by the person.
 */
retry: boolean, 
/**
 * Stable, snake_case: `unknown_topic`, `sql_syntax`, `workspace_locked`, ...
 */
code: string, message: string, 
/**
 * Where in a text the error lies, when it lies in one (SQL or a definition file).
 */
position?: Position | null, 
/**
 * The file or folder that the error is about as a whole, absolute: a workspace that can't be opened.
 */
path?: string | null, };

export type ExplainRequest = { name: string, profile_id: number, };

export type ExplainedCondition = { path: string, depth: number, sentence: string, holds: boolean, 
/**
 * What it evaluated to for this profile: `4`, `pro`; absent: null, or a group.
 */
value: string | null, };

/**
 * Why a profile is in an audience, or is not.
 */
export type Explanation = { profile_id: number, name: string, member: boolean, since_ms: number | null, evaluated_ms: number, 
/**
 * One a condition, in the tree's order; of SQL: empty.
 */
conditions: Array<ExplainedCondition>, };

/**
 * A file that was written.
 */
export type FileWritten = { path: string, bytes: number, rows: number, };

export type GroupDetail = { summary: GroupSummary, partitions: Array<GroupPartition>, };

export type GroupPartition = { topic: string, partition: number, committed: number | null, start: number | null, end: number | null, lag: number | null, 
/**
 * Now less the timestamp of the record at the committed offset; 0 when there is none to read.
 */
lag_ms: number | null, 
/**
 * Records that were deleted before they were read: the low watermark is past the committed offset.
 */
lost: number, member: string | null, host: string | null, };

export type GroupRequest = { cluster: string, group: string, };

/**
 * Lag of one group over all its partitions. What is unknown is absent, never 0.
 */
export type GroupSummary = { group: string, 
/**
 * As Kafka names it: `Stable`, `Empty`, ...
 */
state: string, members: number, topics: Array<string>, partitions: number, 
/**
 * Partitions without a commit; they count in no sum.
 */
partitions_unknown: number, lag: number | null, 
/**
 * The largest of its partitions.
 */
lag_ms: number | null, status: LagStatus, 
/**
 * Why the status is what it is, as a sentence.
 */
reason: string, 
/**
 * Records a second that arrive in its partitions, over the last minute of samples.
 */
in_per_second: number | null, 
/**
 * Records a second that it commits, over the same.
 */
out_per_second: number | null, 
/**
 * Time until the lag is 0 at these rates; absent: never, or unknown.
 */
drained_in_ms: number | null, sampled_ms: number, };

export type Identifier = { 
/**
 * `user_id`, `email`, `anonymous_id`, ...
 */
kind: string, value: string, first_seen_ms: number, };

export type LagChartRequest = { cluster: string, 
/**
 * Absent: every group, a line each.
 */
group?: string | null, metric: LagMetric, style: ChartStyle, };

export type LagMetric = "records" | "time";

export type LagStatus = "ok" | "warn" | "stall" | "stop" | "unknown";

/**
 * A record that is not an event.
 */
export type MalformedRecord = { source: string, topic: string, partition: number, offset: number, reason: string, 
/**
 * The beginning of the value.
 */
value: string, seen_ms: number, };

export type Member = { profile_id: number, name: string, since_ms: number, };

export type MemberList = { members: Array<Member>, total: number, };

export type MembersRequest = { 
/**
 * Of the audience.
 */
name: string, 
/**
 * A part of a profile's name; empty: all.
 */
text: string, offset: number, limit: number, };

export type MembershipChange = { audience: string, profile_id: number, name: string, entered: boolean, at_ms: number, };

/**
 * Newest first.
 */
export type MembershipChanges = { changes: Array<MembershipChange>, total: number, };

export type Merge = { merged_profile_id: number, message_id: string, 
/**
 * The identifiers on that event: `user_id=u_1, anonymous_id=a_2`.
 */
evidence: string, merged_ms: number, };

/**
 * Names one definition.
 */
export type Named = { name: string, };

/**
 * No fields.
 */
export type Nothing = Record<symbol, never>;

export type NumberOperator = "=" | "!=" | "<" | "<=" | ">" | ">=";

/**
 * Event names, properties and values as they were really observed: what the builder completes from.
 */
export type Observed = { events: Array<ObservedEvent>, tables: Array<ObservedTable>, traits: Array<string>, audiences: Array<string>, };

export type ObservedEvent = { event: string, count: number, properties: Array<ObservedProperty>, };

export type ObservedProperty = { name: string, data_type: string, 
/**
 * The most frequent values, at most 20, with their counts.
 */
values: Array<ObservedValue>, };

/**
 * A warehouse table (`warehouse.table`) and its columns.
 */
export type ObservedTable = { table: string, rows: number, read_ms: number, columns: Array<ObservedProperty>, };

export type ObservedValue = { value: string, count: number, };

/**
 * Operators over a property, a column or a trait. Text is compared with its case; a null satisfies only `null`.
 */
export type Operator = "=" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "between" | "contains" | "starts" | "ends" | "matches" | "exists" | "null";

/**
 * A page of something that has a name.
 */
export type PageRequest = { name: string, offset: number, limit: number, };

export type PartitionDetail = { partition: number, leader: number, replicas: Array<number>, in_sync: Array<number>, 
/**
 * Low watermark; absent: unknown.
 */
start: number | null, 
/**
 * High watermark; absent: unknown.
 */
end: number | null, };

/**
 * Compares an aggregate over the profile's events with a value. A count of zero is a count.
 */
export type Performed = { event: string, aggregate: Aggregate, 
/**
 * The property aggregated; not for `count`.
 */
property?: string | null, op: NumberOperator, value: number, where?: Array<PropertyCondition>, 
/**
 * Absent: all of history.
 */
window?: Span | null, };

/**
 * A place in a text: `line` and `column` count from 1. `file` is relative to the workspace when it is in one.
 */
export type Position = { file?: string | null, line: number, column: number, };

export type ProfileAudience = { audience: string, since_ms: number, };

export type ProfileDetail = { summary: ProfileSummary, identifiers: Array<Identifier>, traits: Array<TraitValue>, 
/**
 * Names of the audiences that it is a member of, and since when.
 */
audiences: Array<ProfileAudience>, 
/**
 * Newest first, at most 100.
 */
events: Array<ProfileEvent>, 
/**
 * Profiles that were merged into this one, newest first.
 */
merges: Array<Merge>, };

export type ProfileEvent = { message_id: string, kind: string, event: string, timestamp_ms: number, 
/**
 * A JSON object.
 */
properties: string, };

export type ProfileList = { profiles: Array<ProfileSummary>, 
/**
 * All that match, of which this is a page.
 */
total: number, };

export type ProfileRequest = { profile_id: number, };

export type ProfileSummary = { profile_id: number, 
/**
 * What to call it: the user id, else the email, else another identifier.
 */
name: string, user_id: string | null, email: string | null, first_seen_ms: number, last_seen_ms: number, events: number, };

/**
 * A comparison of an event's property.
 */
export type PropertyCondition = { property: string, op: Operator, value?: Value | null, };

export type RecentWorkspace = { name: string, path: string, };

/**
 * One record, whole.
 */
export type RecordDetail = { topic: string, partition: number, offset: number, timestamp_ms: number | null, key: string | null, headers: Array<RecordHeader>, 
/**
 * `json`, `text` or `bytes`.
 */
format: string, 
/**
 * The value as JSON, when it is JSON.
 */
json: string | null, 
/**
 * The value as text; of bytes: hexadecimal.
 */
text: string | null, value_bytes: number, problem: string | null, };

export type RecordHeader = { name: string, value: string | null, };

export type RecordRequest = { cluster: string, topic: string, partition: number, offset: number, };

export type RecordRow = { partition: number, offset: number, timestamp_ms: number | null, key: string | null, 
/**
 * The beginning of the value as text; see [`crate::limits::CELL_CHARS_MAX`].
 */
value: string | null, value_bytes: number, 
/**
 * One a column of `TailRows::columns`.
 */
fields: Array<string | null>, 
/**
 * Why the value could not be decoded.
 */
problem: string | null, };

/**
 * What a subscription sends, at most [`crate::limits::REVISIONS_PER_SECOND_MAX`] times a second: something changed.
 */
export type Revision = { revision: number, total: number, };

/**
 * Rows of cells; a null is `null`, everything else its text as SQL prints it.
 */
export type Rows = { columns: Array<Column>, rows: Array<Array<string | null>>, 
/**
 * Rows in all, of which this is a page.
 */
total: number, };

/**
 * A page of a view's rows; `limit` is at most [`crate::limits::ROWS_PAGE_MAX`].
 */
export type RowsRequest = { view: number, offset: number, limit: number, };

export type RunState = "running" | "succeeded" | "partial" | "failed" | "cancelled";

export type SampleMember = { profile_id: number, name: string, 
/**
 * Why, in short: `plan is pro · 4 × Order Completed in 14 days`.
 */
why: string, };

export type SearchRequest = { 
/**
 * Any identifier, or the beginning of one; empty: the last seen.
 */
text: string, offset: number, limit: number, };

/**
 * `sources/NAME.toml`: where events come from and how a record becomes an event.
 */
export type SourceDefinition = { cluster: string, topic: string, 
/**
 * Absent: the record's value is an event of Segment's spec as it is.
 * Present: a `SELECT` over the table `records` (columns `_partition`, `_offset`, `_timestamp`, `_key`, `value`)
 * whose columns are the event: `message_id`, `type` (default `track`), `event`, `user_id`, `anonymous_id`,
 * `email`, `timestamp`; every other column is a property (of `identify`: a trait).
 */
sql?: string | null, 
/**
 * The consumer group whose offsets follow the checkpoint.
 */
group?: string | null, enabled: boolean, };

export type SourceState = "starting" | "catching_up" | "live" | "waiting" | "stopped" | "failed";

/**
 * A source and what it did since the workspace was opened, and in all.
 */
export type SourceSummary = { name: string, definition: SourceDefinition, state: SourceState, 
/**
 * In the event log, from this source.
 */
events: number, 
/**
 * Not collected again: their message id was there already.
 */
duplicates: number, 
/**
 * Kept apart with their reason.
 */
malformed: number, 
/**
 * Records that were deleted from the topic before they were read, so far as is known.
 */
lost: number, 
/**
 * Records between the checkpoint and the end of the topic; absent: unknown.
 */
behind: number | null, per_second: number, checkpoint_ms: number | null, error: Error | null, };

/**
 * A positive span of time, written `14 days`; read also as `14d`, `1 day`.
 */
export type Span = string;

/**
 * Tables and columns for completion.
 */
export type SqlCatalog = { tables: Array<SqlTable>, };

export type SqlExportRequest = { sql: string, path: string, 
/**
 * Absent: as the path ends (`.csv`, `.jsonl`, `.json`, `.parquet`, `.arrow`).
 */
format?: SqlFormat | null, };

export type SqlFormat = "csv" | "jsonl" | "json" | "parquet" | "arrow";

export type SqlRequest = { sql: string, };

/**
 * What a query read of topics, while it runs and after.
 */
export type SqlScan = { records: number, 
/**
 * Of keys and values.
 */
bytes: number, 
/**
 * Offsets between where the reading began and where it ends: there may be fewer records.
 */
total: number, records_per_second: number, bytes_per_second: number, 
/**
 * Until all is read, at this rate; absent: not known, or ended.
 */
left_ms: number | null, 
/**
 * Fields of another type than their column's: they are null.
 */
mistyped: number, 
/**
 * Values that could not be decoded: they are null.
 */
undecoded: number, 
/**
 * Records that were deleted before they could be read.
 */
lost: number, 
/**
 * What was read, what of it is null, and why it stopped, as sentences.
 */
said: Array<string>, };

export type SqlStarted = { view: number, };

/**
 * A query while it runs and after.
 */
export type SqlStatus = { running: boolean, rows: number, bytes: number, columns: Array<Column>, took_ms: number, 
/**
 * What was read of topics; absent: the query reads none.
 */
scan: SqlScan | null, 
/**
 * Why it stopped early, as a sentence.
 */
note: string | null, error: Error | null, };

export type SqlTable = { 
/**
 * As SQL writes it.
 */
name: string, 
/**
 * Of a topic that was not looked at yet: none.
 */
columns: Array<Column>, 
/**
 * Set when it is a topic.
 */
topic: TopicRef | null, };

/**
 * `syncs/NAME.toml`: one audience to one destination.
 */
export type SyncDefinition = { audience: string, destination: string, 
/**
 * What the destination needs to know of this sync: `table = "..."`, `file = "..."`.
 */
options: Record<string, unknown>, 
/**
 * The destination's column that tells rows apart; one of `mapping`'s.
 */
key: string, 
/**
 * Destination column -> what it holds: a column of `profiles`: an identifier (`user_id`), a trait, or
 * `warehouse.table.column`.
 */
mapping: { [key in string]: string }, 
/**
 * Runs again this long after the last run ended.
 */
every: Span, enabled: boolean, };

/**
 * The difference between the audience now and what was last acknowledged.
 */
export type SyncDifference = { added: number, changed: number, removed: number, unchanged: number, 
/**
 * Members that have no value for the key and can't be delivered.
 */
without_key: number, 
/**
 * The first rows: a column `change` (`add`, `change`, `remove`), then the mapped columns.
 */
sample: Rows, 
/**
 * As a run's: what stays behind where it was delivered before.
 */
note?: string | null, };

/**
 * A run, or with `dry_run` only the difference.
 */
export type SyncOutcome = { difference: SyncDifference, run: SyncRun | null, };

export type SyncRun = { id: number, sync: string, started_ms: number, ended_ms: number | null, state: RunState, added: number, changed: number, removed: number, 
/**
 * Acknowledged by the destination.
 */
delivered: number, 
/**
 * Still owed.
 */
failed: number, error: Error | null, 
/**
 * What else there is to know, in a sentence: what stays behind where it was delivered before.
 */
note?: string | null, };

export type SyncRunRequest = { name: string, 
/**
 * Computes the difference and delivers nothing.
 */
dry_run: boolean, };

export type SyncSummary = { name: string, definition: SyncDefinition, 
/**
 * Rows at the destination, as last acknowledged.
 */
acknowledged: number, 
/**
 * Rows owed: changed since, or refused.
 */
owed: number | null, last_run: SyncRun | null, error: Error | null, };

export type TailPartition = { partition: number, 
/**
 * The first offset it read from.
 */
from: number, 
/**
 * The next offset it will read.
 */
next: number, 
/**
 * The partition's end when last heard of.
 */
end: number, };

export type TailRequest = { cluster: string, topic: string, start: TailStart, 
/**
 * Stops at the first record at or after this time.
 */
until_ms?: number | null, 
/**
 * Empty: all.
 */
partitions: Array<number>, 
/**
 * A SQL predicate over `_partition`, `_offset`, `_timestamp`, `_key`, `value`. A leading `where` is allowed.
 */
filter?: string | null, 
/**
 * Stops at the ends that the partitions had when it started.
 */
stop_at_end: boolean, 
/**
 * Stops after this many matched records.
 */
limit?: number | null, };

/**
 * A page of a tail. Matched rows are numbered from 0 in the order they arrived.
 */
export type TailRows = { 
/**
 * The number of the first row here: the offset asked for, or the oldest row kept when that one has left the table.
 */
first: number, rows: Array<RecordRow>, 
/**
 * Names of the decoded fields in `RecordRow::fields`.
 */
columns: Array<Column>, total: number, };

/**
 * Where a tail starts. kcat's notation: `beginning`, `end`, `OFFSET`, `-N` (the last N), `s@MILLISECONDS`.
 */
export type TailStart = "beginning" | "end" | { "offset": number } | { "last": number } | { "timestamp": number };

export type TailStarted = { view: number, };

export type TailState = "starting" | "running" | "paused" | "stopped" | "failed";

/**
 * What a tail did so far: nothing is silently cut.
 */
export type TailStatus = { state: TailState, scanned: number, scanned_bytes: number, matched: number, 
/**
 * Rows that left the table because it was full.
 */
evicted: number, 
/**
 * Values of a field that were not of the type first seen; the filter saw them as null.
 */
mistyped: number, per_second: number, started_ms: number, 
/**
 * Decoded fields worth a column, most frequent first.
 */
columns: Array<Column>, partitions: Array<TailPartition>, 
/**
 * Why it stopped, or what it waits for, as a sentence.
 */
note: string | null, error: Error | null, };

/**
 * What a subscription may follow.
 */
export type Topic = { "view": number } | "lag" | "events" | "memberships" | "syncs" | "definitions" | "activity";

export type TopicDetail = { name: string, partitions: Array<PartitionDetail>, };

export type TopicRef = { cluster: string, topic: string, };

export type TopicRequest = { cluster: string, topic: string, };

export type TopicSummary = { name: string, partitions: number, replication: number, 
/**
 * End offsets less start offsets. Absent: not all partitions answered.
 */
records: number | null, internal: boolean, };

/**
 * A comparison of a trait (computed, SQL, or learnt from `identify`).
 */
export type TraitCondition = { name: string, op: Operator, value?: Value | null, };

/**
 * `traits/NAME.toml` (computed) or `traits/NAME.sql` (a `SELECT` of `profile_id` and one column a trait).
 */
export type TraitDefinition = { title?: string | null, description?: string | null, 
/**
 * Exactly one of `computed` and `sql`. In files, `sql` is the text of `NAME.sql`.
 */
computed?: ComputedTrait | null, sql?: string | null, };

export type TraitDetail = { name: string, definition: TraitDefinition, 
/**
 * Relative to the workspace.
 */
file: string, sql: string, };

export type TraitPreview = { sql: string, 
/**
 * Profiles with a value.
 */
profiles: number, 
/**
 * The first rows, with the profile's name.
 */
sample: Rows, took_ms: number, };

export type TraitPreviewRequest = { name: string, definition: TraitDefinition, };

export type TraitSaveRequest = { name: string, definition: TraitDefinition, };

export type TraitSummary = { name: string, title: string | null, 
/**
 * `computed` or `sql`.
 */
kind: string, description: string | null, error: Error | null, };

export type TraitValue = { name: string, value: string | null, 
/**
 * `identify`, `computed`, `sql` or `warehouse`.
 */
origin: string, };

/**
 * A literal. Numbers are 64-bit floats: integers are exact up to 2^53.
 */
export type Value = boolean | number | string | Array<Value>;

/**
 * Names one open view (a tail, a result, the changes of an audience).
 */
export type ViewRequest = { view: number, };

export type WorkspaceOpenRequest = { path: string, };

export type WorkspaceSummary = { name: string, path: string, time_zone: string, version: string, 
/**
 * Definition files that do not parse or do not hold, with file and line.
 */
problems: Array<Error>, 
/**
 * Opened before, newest first, this one included.
 */
recent: Array<RecentWorkspace>, };

/** Every command: its request and its response. */
export interface Commands {
  workspace_show: { request: Nothing; response: WorkspaceSummary };
  workspace_open: { request: WorkspaceOpenRequest; response: WorkspaceSummary };
  counts_show: { request: CountsRequest; response: Counts };
  cluster_list: { request: Nothing; response: Array<ClusterSummary> };
  cluster_show: { request: ClusterRequest; response: ClusterOverview };
  cluster_test: { request: ClusterRequest; response: ConnectionTest };
  topic_list: { request: ClusterRequest; response: Array<TopicSummary> };
  topic_show: { request: TopicRequest; response: TopicDetail };
  tail_start: { request: TailRequest; response: TailStarted };
  tail_pause: { request: ViewRequest; response: Nothing };
  tail_resume: { request: ViewRequest; response: Nothing };
  tail_stop: { request: ViewRequest; response: TailStatus };
  tail_close: { request: ViewRequest; response: Nothing };
  tail_status: { request: ViewRequest; response: TailStatus };
  tail_rows: { request: RowsRequest; response: TailRows };
  record_show: { request: RecordRequest; response: RecordDetail };
  group_list: { request: ClusterRequest; response: Array<GroupSummary> };
  group_show: { request: GroupRequest; response: GroupDetail };
  lag_chart: { request: LagChartRequest; response: Chart };
  source_list: { request: Nothing; response: Array<SourceSummary> };
  malformed_list: { request: PageRequest; response: Array<MalformedRecord> };
  profile_search: { request: SearchRequest; response: ProfileList };
  profile_show: { request: ProfileRequest; response: ProfileDetail };
  observed_show: { request: Nothing; response: Observed };
  trait_list: { request: Nothing; response: Array<TraitSummary> };
  trait_show: { request: Named; response: TraitDetail };
  trait_preview: { request: TraitPreviewRequest; response: TraitPreview };
  trait_save: { request: TraitSaveRequest; response: TraitDetail };
  audience_list: { request: Nothing; response: Array<AudienceSummary> };
  audience_show: { request: Named; response: AudienceDetail };
  audience_preview: { request: AudiencePreviewRequest; response: AudiencePreview };
  audience_save: { request: AudienceSaveRequest; response: AudienceDetail };
  audience_run: { request: Named; response: AudienceSummary };
  audience_members: { request: MembersRequest; response: MemberList };
  audience_changes: { request: MembersRequest; response: MembershipChanges };
  audience_explain: { request: ExplainRequest; response: Explanation };
  audience_chart: { request: AudienceChartRequest; response: Chart };
  audience_export: { request: AudienceExportRequest; response: FileWritten };
  destination_list: { request: Nothing; response: Array<DestinationSummary> };
  destination_test: { request: Named; response: DestinationTest };
  sync_list: { request: Nothing; response: Array<SyncSummary> };
  sync_run: { request: SyncRunRequest; response: SyncOutcome };
  sync_runs: { request: PageRequest; response: Array<SyncRun> };
  sql_start: { request: SqlRequest; response: SqlStarted };
  sql_status: { request: ViewRequest; response: SqlStatus };
  sql_rows: { request: RowsRequest; response: Rows };
  sql_stop: { request: ViewRequest; response: SqlStatus };
  sql_close: { request: ViewRequest; response: Nothing };
  sql_export: { request: SqlExportRequest; response: FileWritten };
  sql_catalog: { request: Nothing; response: SqlCatalog };
  sql_topic: { request: TopicRef; response: SqlTable };
  activity_list: { request: Nothing; response: Array<Activity> };
  activity_cancel: { request: ActivityRequest; response: Nothing };
}
