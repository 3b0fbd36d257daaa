// Generated from the Rust types by `make bindings`. Do not edit.

export type Acl = { resource_type: string, resource: string, 
/**
 * `literal` or `prefixed`.
 */
pattern: string, principal: string, host: string, operation: string, 
/**
 * `allow` or `deny`.
 */
permission: string, };

/**
 * Access rules that match everything given here; absent matches all.
 */
export type AclRequest = { cluster: string, 
/**
 * `topic`, `group`, `cluster`, `transactional_id`, ...
 */
resource_type?: string | null, 
/**
 * Rules that hold for this name, by whatever pattern.
 */
resource?: string | null, 
/**
 * `User:alice`.
 */
principal?: string | null, };

/**
 * Long work, running or ended.
 */
export type Activity = { id: number, 
/**
 * `source`, `evaluation`, `sync`, `tail`, `query`, `lag`, `compaction`, `produce`, `copy`, `export`.
 */
kind: string, title: string, state: ActivityState, done: number | null, total: number | null, per_second: number | null, started_ms: number, ended_ms: number | null, detail: string | null, error: Error | null, can_cancel: boolean, };

export type ActivityRequest = { id: number, };

export type ActivityState = "running" | "done" | "failed" | "cancelled";

export type Aggregate = "count" | "sum" | "min" | "max" | "avg" | "distinct";

/**
 * `alerts/NAME.toml`: tells somebody when consumer groups are behind. Every condition that is written has to hold, for
 * as long as `for` says.
 */
export type AlertDefinition = { 
/**
 * What the notice says first; the file's name when absent.
 */
title?: string | null, 
/**
 * The clusters it watches; empty: all.
 */
clusters: Array<string>, 
/**
 * The groups it watches: names, with `*` for any signs; empty: all.
 */
groups: Array<string>, 
/**
 * The lag in records is at least this.
 */
lag?: number | null, 
/**
 * The lag in time is at least this.
 */
lag_time?: Span | null, 
/**
 * The status is one of these.
 */
status: Array<AlertStatus>, 
/**
 * The sources whose violations it watches: names, with `*` for any signs; empty: all. Only with `violations`.
 */
sources?: Array<string>, 
/**
 * Instead of lag: a source has at least so many violations of its tracking plan within an hour of the clock.
 */
violations?: number | null, 
/**
 * How long it has to hold before the alert fires.
 */
for: Span, 
/**
 * A notice on the desktop, while the window is open.
 */
desktop: boolean, 
/**
 * Where the alert is posted to as JSON, when it fires and when it is resolved.
 */
webhook?: AlertWebhook | null, enabled: boolean, };

/**
 * An alert for one group.
 */
export type AlertInstance = { cluster: string, group: string, state: AlertState, 
/**
 * Since when the condition holds, or held.
 */
since_ms: number, fired_ms: number | null, resolved_ms: number | null, 
/**
 * Why, as a sentence.
 */
reason: string, 
/**
 * Why nobody could be told, when that failed; it is tried again.
 */
error: Error | null, };

/**
 * Whether an alert would fire as things are now.
 */
export type AlertPreview = { 
/**
 * What it watches for, as a sentence.
 */
sentence: string, 
/**
 * The groups that it watches; those for which it holds first.
 */
groups: Array<AlertPreviewGroup>, 
/**
 * Clusters that could not be asked, a sentence each.
 */
missing: Array<string>, };

export type AlertPreviewGroup = { cluster: string, group: string, 
/**
 * Whether its conditions hold now; it fires when they hold for as long as it says. Absent: something it asks for
 * is unknown.
 */
holds: boolean | null, lag: number | null, lag_ms: number | null, lag_ms_source: LagTimeSource | null, status: LagStatus, reason: string, };

/**
 * An alert as it is written now, saved or not.
 */
export type AlertRequest = { name: string, definition: AlertDefinition, };

export type AlertSaveRequest = { name: string, definition: AlertDefinition, 
/**
 * A new one: refused where there is one of this name.
 */
create: boolean, };

export type AlertState = "firing" | "pending" | "resolved";

/**
 * What an alert's `status` may name.
 */
export type AlertStatus = "warn" | "stall" | "stop" | "rewind" | "err";

/**
 * An alert and what it says now.
 */
export type AlertSummary = { name: string, definition: AlertDefinition, 
/**
 * What it watches for, as a sentence.
 */
sentence: string, 
/**
 * Groups for which it fires, waits, or was resolved of late; those that fire first, then newest first.
 */
instances: Array<AlertInstance>, };

/**
 * What the webhook made of a notice that is marked as a test.
 */
export type AlertTested = { 
/**
 * Why it was not told; absent: it was.
 */
error: Error | null, took_ms: number, };

/**
 * `[webhook]`. Texts may be `secret:NAME`.
 */
export type AlertWebhook = { url: string, headers: { [key in string]: string }, };

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
 * `conditions` or `sql`; `broken`: its files cannot be read, and `error` says why.
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

export type BrokerDetail = { id: number, host: string, port: number, rack: string | null, 
/**
 * Absent: the cluster does not say who its controller is.
 */
controller: boolean | null, 
/**
 * Partitions that it leads.
 */
leads: number, 
/**
 * Partitions that it keeps a copy of.
 */
holds: number, 
/**
 * Partitions that it keeps a copy of that is not in sync.
 */
behind: number, 
/**
 * Of all its copies.
 */
bytes: number | null, disk_bytes: number | null, disk_bytes_free: number | null, };

export type BrokerList = { brokers: Array<BrokerDetail>, 
/**
 * Why numbers are missing, a sentence each.
 */
missing: Array<string>, };

export type BrokerRequest = { cluster: string, broker: number, };

export type ChangeLine = { 
/**
 * `retention.ms`, `partition 3`, `partitions`.
 */
what: string, 
/**
 * Absent: there is none.
 */
before: string | null, after: string | null, 
/**
 * What that means, where it is not plain.
 */
note: string | null, };

/**
 * A chart drawn in Rust. `svg` is a whole `<svg>` element.
 */
export type Chart = { svg: string, };

/**
 * How a chart shall be drawn.
 */
export type ChartStyle = { width: number, height: number, dark: boolean, };

/**
 * `[auth]`: how to log in where properties alone cannot say it.
 */
export type ClusterAuth = { "kind": "msk_iam", 
/**
 * Absent: read from the host name of `bootstrap.servers`.
 */
region?: string | null, 
/**
 * A profile of `~/.aws/config`. Absent: `AWS_PROFILE`, else the usual search for credentials.
 */
profile?: string | null, };

/**
 * What `clusters/NAME.toml` says.
 */
export type ClusterDefined = { name: string, definition: ClusterDefinition, };

/**
 * `clusters/NAME.toml`.
 */
export type ClusterDefinition = { kind: ClusterKind, 
/**
 * `#rrggbb`; shown wherever the cluster is, so that production is never mistaken.
 */
color: string, 
/**
 * Refuses every command that would change the cluster.
 */
read_only: boolean, 
/**
 * librdkafka properties by their own names (`bootstrap.servers`, `security.protocol`, ...). A value
 * `secret:NAME` is looked up when the client is made.
 */
properties?: { [key in string]: string } | null, 
/**
 * Kafka Connect clusters that work with this cluster, by a name of their own: `[connect.NAME]`.
 */
connect?: { [key in string]: ConnectDefinition } | null, 
/**
 * A login that librdkafka has no properties for; it sets those of OAUTHBEARER.
 */
auth?: ClusterAuth | null, 
/**
 * The schema registry that records name their schemas of.
 */
registry?: RegistryDefinition | null, 
/**
 * How records are read, by topic; of topics that are not here it is found out.
 */
topics?: { [key in string]: TopicFormats }, 
/**
 * Only for `kind = "sandbox"`.
 */
sandbox?: SandboxSettings | null, 
/**
 * How lag is sampled and judged here; what is absent is as in `tailrace.toml`.
 */
lag?: LagSettings | null, };

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

/**
 * A definition as a form has it: tried with `cluster_try`, written with `cluster_save`.
 */
export type ClusterSaveRequest = { name: string, 
/**
 * Refused when there is a cluster of this name already.
 */
create: boolean, definition: ClusterDefinition, 
/**
 * Values of properties that are secrets, just typed: kept in the secret store, and referred to by the definition.
 */
secrets: { [key in string]: string }, };

export type ClusterSummary = { name: string, kind: ClusterKind, color: string, read_only: boolean, 
/**
 * `bootstrap.servers`; of the sandbox: its address once it runs.
 */
bootstrap: string | null, 
/**
 * The address of its schema registry; absent: its file names none.
 */
registry: string | null, };

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

export type ComparisonRow = { section: ComparisonSection, name: string, left: string | null, right: string | null, left_source: ConfigSource | null, right_source: ConfigSource | null, differs: boolean, };

export type ComparisonSection = "shape" | "config" | "partitions";

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

/**
 * One setting of a topic or a broker.
 */
export type ConfigEntry = { name: string, 
/**
 * Absent: not set, or not shown because it is a secret.
 */
value: string | null, source: ConfigSource, 
/**
 * It is not Kafka's own default.
 */
differs: boolean, read_only: boolean, sensitive: boolean, 
/**
 * What holds when it is reset here.
 */
inherited: InheritedConfig | null, };

/**
 * Where the value of a setting comes from.
 */
export type ConfigSource = "topic" | "dynamic_broker" | "dynamic_default" | "static" | "default" | "unknown";

/**
 * `[connect.NAME]`: a Kafka Connect cluster, reached through one of its workers.
 */
export type ConnectDefinition = { 
/**
 * `http://` or `https://`; any worker of the cluster.
 */
url: string, user?: string | null, 
/**
 * `secret:NAME`.
 */
password?: string | null, 
/**
 * Certificates in PEM that are trusted beside the machine's own; absent: the cluster's `ssl.ca.location`.
 */
ca?: string | null, 
/**
 * For mutual TLS, with `key`: files in PEM, the key in PKCS #8.
 */
certificate?: string | null, key?: string | null, };

/**
 * The Connect clusters of one cluster, each asked for itself.
 */
export type ConnectOverview = { cluster: string, connects: Array<ConnectSummary>, };

/**
 * One `[connect.NAME]`.
 */
export type ConnectSummary = { name: string, 
/**
 * The worker that is asked.
 */
url: string, 
/**
 * Absent: it did not answer.
 */
version: string | null, 
/**
 * By name.
 */
connectors: Array<ConnectorSummary>, 
/**
 * Why it did not answer.
 */
error: Error | null, };

export type ConnectionStep = { 
/**
 * `configuration`, `name lookup`, `tcp`, `tls`, `kafka`, `token`, `sasl`, `metadata`, `brokers`, `authorisation`;
 * those of encryption and login only where there is one.
 */
step: string, ok: boolean, detail: string, took_ms: number, };

/**
 * The steps of a connection, in order; the first that failed ends them.
 */
export type ConnectionTest = { ok: boolean, steps: Array<ConnectionStep>, };

export type ConnectorAct = "restart" | "restart_failed" | { "restart_task": number } | "pause" | "resume" | "stop";

export type ConnectorActRequest = { cluster: string, connect?: string | null, connector: string, act: ConnectorAct, };

/**
 * A connector with its settings.
 */
export type ConnectorDetail = { summary: ConnectorSummary, 
/**
 * By name.
 */
settings: Array<ConnectorSetting>, 
/**
 * Topics that it has used. Absent: the worker does not tell.
 */
topics: Array<string> | null, };

export type ConnectorRequest = { cluster: string, 
/**
 * The Connect cluster; may be absent where only one has a connector of this name.
 */
connect?: string | null, connector: string, };

export type ConnectorSetting = { name: string, value: string, 
/**
 * The value, or a part of it, is a secret and is not told.
 */
masked: boolean, };

export type ConnectorSummary = { 
/**
 * The Connect cluster's name.
 */
connect: string, name: string, 
/**
 * `source` or `sink`.
 */
kind: string, 
/**
 * `connector.class`, whole.
 */
class: string, 
/**
 * As Connect names it: `RUNNING`, `PAUSED`, `STOPPED`, `FAILED`, `UNASSIGNED`, `RESTARTING`. Absent: not said yet.
 */
state: string | null, worker: string | null, tasks: Array<ConnectorTask>, 
/**
 * Why it, or the first task that did, failed: the first line of the trace.
 */
reason: string | null, 
/**
 * The connector's own trace, whole; without secrets.
 */
trace: string | null, };

export type ConnectorTask = { task: number, 
/**
 * As Connect names it. Absent: not said yet.
 */
state: string | null, worker: string | null, 
/**
 * The first line of the trace.
 */
reason: string | null, 
/**
 * Whole; without secrets.
 */
trace: string | null, };

/**
 * What a copy did, exactly.
 */
export type CopyOutcome = { scanned: number, matched: number, 
/**
 * Acknowledged by the target.
 */
copied: number, 
/**
 * Not in the target.
 */
failed: number, 
/**
 * Sent, and never answered: they may be in the target.
 */
uncertain: number, 
/**
 * From where to go on: everything before is copied.
 */
positions: Array<CopyPosition>, 
/**
 * Records that are in the target and lie after `positions`: going on from there copies them a second time.
 */
again: number, 
/**
 * Records that were deleted from the source before they could be read.
 */
lost: number, took_ms: number, 
/**
 * Whether it did all that was asked for.
 */
complete: boolean, 
/**
 * Why it ended, as a sentence.
 */
note: string, error: Error | null, };

export type CopyPosition = { partition: number, 
/**
 * The next offset to copy.
 */
offset: number, };

/**
 * Records of a topic to another, byte for byte: keys, values and headers.
 */
export type CopyRequest = { from_cluster: string, topic: string, to_cluster: string, 
/**
 * Absent: of the same name.
 */
to_topic?: string | null, 
/**
 * As of a tail.
 */
filter?: string | null, start: TailStart, 
/**
 * Where partitions start, before `start`: what an interrupted copy said.
 */
offsets: Array<CopyPosition>, until_ms?: number | null, 
/**
 * Stops at the ends that the partitions had when it started.
 */
stop_at_end: boolean, keep_partition: boolean, 
/**
 * Otherwise the records are of now.
 */
keep_timestamps: boolean, 
/**
 * What to do when the same copy was interrupted before.
 */
interrupted: Interrupted, };

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

/**
 * Where the records that stay begin.
 */
export type DeleteBefore = { "offset": number } | { "timestamp": number } | "end" | { "offsets": Array<PartitionStart> };

export type DestinationKind = "postgres" | "webhook" | "file";

export type DestinationSummary = { name: string, kind: DestinationKind, 
/**
 * Where it leads, without secrets: host and database, address, path.
 */
target: string, syncs: Array<string>, error: Error | null, };

export type DestinationTest = { ok: boolean, detail: string, took_ms: number, };

export type DifferenceChange = "same" | "added" | "removed" | "changed";

/**
 * A line on the left, on the right, or on both sides.
 */
export type DifferenceRow = { change: DifferenceChange, 
/**
 * Counted from 1.
 */
left_line: number | null, left: string | null, right_line: number | null, 
/**
 * Absent where `change` is `same`: it is as on the left.
 */
right: string | null, };

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

/**
 * After this event, in the order of the timeline: newest first, of one time by message id.
 */
export type EventCursor = { timestamp_ms: number, message_id: string, };

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
 * How records are exported.
 */
export type ExportFormat = "json_lines" | "csv" | "parquet" | "arrow";

export type FieldDifference = { 
/**
 * `address.street`, `items[].price`, `Order.id`.
 */
path: string, change: DifferenceChange, 
/**
 * Its type and what else is said of it; absent: it is not there.
 */
left: string | null, right: string | null, };

/**
 * A file that was written.
 */
export type FileWritten = { path: string, bytes: number, rows: number, };

/**
 * What keys or values are written in.
 */
export type FormatDefinition = { 
/**
 * `json`, `registry`, `avro`, `protobuf`, ...: a name of the command `format_list`.
 */
format: string, 
/**
 * `plain`, `confluent` or `glue`: what stands before the payload. Absent: what is usual for the format.
 */
framing?: string | null, 
/**
 * The file of the schema, in the workspace: Avro's JSON, or Protobuf's text.
 */
schema?: string | null, 
/**
 * Of Protobuf, instead of a text: a file that `protoc --descriptor_set_out` wrote, in the workspace.
 */
descriptor_set?: string | null, 
/**
 * The full name of the Protobuf message that each value is.
 */
message?: string | null, 
/**
 * Of CSV: one character.
 */
delimiter?: string | null, 
/**
 * Names of CSV's fields. Absent: `c1`, `c2`, ...
 */
header?: Array<string>, };

/**
 * A format that records can be read as.
 */
export type FormatSummary = { name: string, 
/**
 * As a person calls it.
 */
label: string, 
/**
 * Takes the file of a schema, or names its schemas to a registry.
 */
schema: boolean, };

/**
 * What keys or values are read as.
 */
export type FormatUsed = { definition: FormatDefinition, 
/**
 * As a person calls it.
 */
label: string, 
/**
 * Found out from the records, not chosen.
 */
detected: boolean, };

export type GraphOrigin = { profile_id: number, events: number, identifiers: Array<Identifier>, };

export type GraphTie = { merge: number, one: number, other: number, evidence: string, merged_ms: number, };

/**
 * Deletes a group, or what it has committed of one topic.
 */
export type GroupDelete = { cluster: string, group: string, 
/**
 * Absent: the whole group.
 */
topic?: string | null, };

export type GroupDetail = { summary: GroupSummary, partitions: Array<GroupPartition>, members: Array<GroupMember>, 
/**
 * What was seen to change, newest first.
 */
rebalances: Array<Rebalance>, };

/**
 * A member of a group, and how it does.
 */
export type GroupMember = { id: string, client: string, host: string, 
/**
 * `topic/partition`, in order.
 */
assignment: Array<string>, 
/**
 * Over its partitions; absent: of none it is known.
 */
lag: number | null, lag_ms: number | null, lag_ms_source: LagTimeSource | null, out_per_second: number | null, };

export type GroupPartition = { topic: string, partition: number, committed: number | null, start: number | null, end: number | null, 
/**
 * The end for readers of committed records, where it was asked for: an open transaction holds it back.
 */
stable_end: number | null, lag: number | null, 
/**
 * The lag counts offsets that are no records (marks of transactions, records compacted away): there were too many to
 * look at each.
 */
lag_in_offsets: boolean, 
/**
 * Now less the timestamp of the record at the committed offset; 0 when there is none to read.
 */
lag_ms: number | null, lag_ms_source: LagTimeSource | null, 
/**
 * Records that were deleted before they were read: the low watermark is past the committed offset.
 */
lost: number | null, 
/**
 * How far the commit is past the end, where it is: the topic was made anew, or lost records. Lag is then unknown.
 */
past_end: number | null, member: string | null, client: string | null, host: string | null, status: LagStatus, 
/**
 * Why the status is what it is, as a sentence.
 */
reason: string, in_per_second: number | null, out_per_second: number | null, drained_in_ms: number | null, };

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
 * Partitions whose lag is unknown (no commit, no end, or a commit past it); they count in no sum.
 */
partitions_unknown: number, lag: number | null, 
/**
 * The lag of some partition counts offsets that are no records.
 */
lag_in_offsets: boolean, 
/**
 * The largest of its partitions.
 */
lag_ms: number | null, 
/**
 * Where `lag_ms` is from.
 */
lag_ms_source: LagTimeSource | null, 
/**
 * Records deleted before it read them, over all its partitions.
 */
lost: number | null, 
/**
 * That of its worst partition.
 */
status: LagStatus, 
/**
 * The group as Burrow sums it up.
 */
level: LagLevel, 
/**
 * Why the status is what it is, as a sentence.
 */
reason: string, 
/**
 * The share of the commits by which it is to be judged that were seen so far, 0 to 1.
 */
complete: number, 
/**
 * Records a second that arrive in its partitions, over the window.
 */
in_per_second: number | null, 
/**
 * Records a second that it commits, over the same.
 */
out_per_second: number | null, 
/**
 * Time until the lag is 0 at these rates; absent: never, or unknown.
 */
drained_in_ms: number | null, 
/**
 * The largest lag of a partition over the mean of all; absent with fewer than two, or without lag.
 */
skew: number | null, 
/**
 * The partition that is furthest behind, in time or else in records.
 */
slowest: SlowPartition | null, 
/**
 * When its members or their partitions were last seen to change.
 */
rebalanced_ms: number | null, sampled_ms: number, };

export type Identifier = { 
/**
 * `user_id`, `email`, `anonymous_id`, ...
 */
kind: string, value: string, first_seen_ms: number, };

/**
 * What a file becomes, or became.
 */
export type Import = { 
/**
 * Of the cluster.
 */
name: string, 
/**
 * `clusters/NAME.toml`.
 */
file: string, 
/**
 * Whose file it was: `java` or `librdkafka`.
 */
format: string, 
/**
 * One for each setting of the file, in its order.
 */
lines: Array<ImportLine>, 
/**
 * The text of the definition.
 */
toml: string, 
/**
 * Names of the secrets that are kept.
 */
secrets: Array<string>, 
/**
 * Names of the secrets that are still to be set.
 */
missing_secrets: Array<string>, 
/**
 * To be run by hand before the cluster can be used.
 */
commands: Array<string>, 
/**
 * Why it can't be written as it is, as a sentence.
 */
problem: string | null, written: boolean, };

export type ImportLine = { 
/**
 * Of the file.
 */
line: number, key: string, outcome: ImportOutcome, detail: string, };

export type ImportOutcome = "kept" | "converted" | "secret" | "left_out" | "to_do";

/**
 * A Java `client.properties`, a `kcat.conf` or another file of librdkafka's properties.
 */
export type ImportRequest = { path: string, 
/**
 * Of the cluster; absent: made from the file's name.
 */
name?: string | null, 
/**
 * `bootstrap.servers`, where the file does not say it: Java's tools are given it on their command line.
 */
bootstrap?: string | null, };

export type InheritedConfig = { 
/**
 * Brokers have other names for the settings of topics, and other units: `log.retention.hours`.
 */
name: string, value: string | null, source: ConfigSource, };

/**
 * What to do when the same copy was interrupted before.
 */
export type Interrupted = "ask" | "go_on" | "anew";

/**
 * An identifier without its history.
 */
export type KindValue = { kind: string, value: string, };

export type LagChartRequest = { cluster: string, 
/**
 * Absent: every group, a line each.
 */
group?: string | null, metric: LagMetric, 
/**
 * How far back it goes; absent: an hour.
 */
range_ms?: number | null, 
/**
 * A line a partition instead of one for the group.
 */
by_partition: boolean, style: ChartStyle, };

/**
 * A whole group, as Burrow sums it up: any partition that stalls, stopped or went back makes an error.
 */
export type LagLevel = "ok" | "warn" | "err" | "unknown";

export type LagMetric = "records" | "time" | "rates";

/**
 * `[lag]` in `tailrace.toml` and in `clusters/NAME.toml`. See `tailrace_engine::lag` for the rules that it sets.
 */
export type LagSettings = { 
/**
 * Between two samples; 2 seconds when absent.
 */
every?: Span | null, 
/**
 * How long samples say something of now, and how long a member of which fewer than two commits were seen may stay
 * silent while records wait; 10 minutes when absent. Longer than the slowest consumer takes between two commits.
 */
window?: Span | null, 
/**
 * The last commits of a partition by which it is judged, whatever their age; 10 when absent.
 */
commits?: number | null, 
/**
 * Commits that have to be seen before lag that does not fall is a warning; 3 when absent.
 */
samples_min?: number | null, };

/**
 * By Burrow's rules.
 */
export type LagStatus = "unknown" | "ok" | "warn" | "stall" | "stop" | "rewind";

/**
 * Where a lag in time is from.
 */
export type LagTimeSource = "record" | "interpolated";

export type LineFailure = { line: number, reason: string, };

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

/**
 * Two profiles that became one, with what tied them.
 */
export type Merge = { 
/**
 * What to call it: counts all merges from 0.
 */
merge: number, merged_profile_id: number, surviving_profile_id: number, 
/**
 * The profile that both belong to, or belonged to when it was undone.
 */
profile_id: number, 
/**
 * The event that tied them; empty: it was deleted with its person.
 */
message_id: string, 
/**
 * The source of that event; absent: not known.
 */
source: string | null, 
/**
 * The identifiers on that event: `user_id=u_1, anonymous_id=a_2`.
 */
evidence: string, merged_ms: number, 
/**
 * Identifiers that the survivor had before.
 */
survivor_before: Array<KindValue>, 
/**
 * Identifiers that the other had before.
 */
merged_before: Array<KindValue>, 
/**
 * Absent: it stands.
 */
undone_ms: number | null, 
/**
 * An event that would merge the two again does not.
 */
refused: boolean, 
/**
 * Since when the two may be merged again.
 */
allowed_ms: number | null, };

export type MergeRequest = { merge: number, };

/**
 * One of the two profiles after an undo.
 */
export type MergeSide = { profile: ProfileSummary, 
/**
 * It and the profiles that stay merged into it.
 */
profile_ids: Array<number>, identifiers: Array<KindValue>, };

/**
 * What undoing a merge would do, exactly.
 */
export type MergeUndoPreview = { merge: Merge, together: ProfileSummary, 
/**
 * Keeps the number of the profile.
 */
stays: MergeSide, 
/**
 * Has a number of its own again.
 */
leaves: MergeSide, lines: Array<ChangeLine>, warnings: Array<string>, };

/**
 * A merge that was undone.
 */
export type MergeUndone = { merge: number, stays: MergeSide, leaves: MergeSide, };

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
 * What becomes of an event that does not fit its plan.
 */
export type OnViolation = "allow" | "omit" | "block";

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
end: number | null, 
/**
 * One copy: the leader's log.
 */
bytes: number | null, 
/**
 * All copies.
 */
bytes_on_disk: number | null, 
/**
 * Records a second that arrive, over the last minute that was sampled.
 */
in_per_second: number | null, 
/**
 * Records a second that groups commit, all of them together, over the same; absent: no group is known to read it.
 */
out_per_second: number | null, };

export type PartitionStart = { partition: number, offset: number, };

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
 * What was done.
 */
export type PersonChanged = { 
/**
 * A sentence.
 */
done: string, lines: Array<ChangeLine>, };

/**
 * What would be done to what is kept of a person.
 */
export type PersonPreview = { title: string, lines: Array<ChangeLine>, warnings: Array<string>, nothing: boolean, };

export type PlanChange = { kind: PlanChangeKind, 
/**
 * Absent: of the plan as a whole.
 */
event: string | null, field: string | null, 
/**
 * What was changed, in words.
 */
what: string, 
/**
 * Events that fitted may not fit any more.
 */
stricter: boolean, };

export type PlanChangeKind = "added" | "removed" | "changed";

export type PlanDetail = { name: string, 
/**
 * Relative to the workspace.
 */
file: string, definition: TrackingPlanDefinition, text: string, sources: Array<string>, 
/**
 * As it was used before, newest first.
 */
versions: Array<PlanVersion>, };

export type PlanDiffRequest = { 
/**
 * A plan's name (as it is now), `NAME@VERSION` (as it was used), or a file.
 */
from: string, to: string, };

export type PlanDifference = { from: string, to: string, changes: Array<PlanChange>, };

export type PlanInferRequest = { 
/**
 * Absent: from the events of every source.
 */
source: string | null, };

export type PlanInferred = { definition: TrackingPlanDefinition, text: string, 
/**
 * Events that it was made from.
 */
events: number, 
/**
 * What it could not say.
 */
notes: Array<string>, };

export type PlanSaveRequest = { name: string, 
/**
 * The whole file.
 */
text: string, 
/**
 * Refused where there is one of the name.
 */
create: boolean, };

export type PlanSummary = { name: string, title: string | null, version: number, events: number, 
/**
 * That name it.
 */
sources: Array<string>, };

/**
 * A plan as a source used it.
 */
export type PlanVersion = { version: number, 
/**
 * When it was used first.
 */
saved_ms: number, };

/**
 * One event of a tracking plan.
 */
export type PlannedEvent = { description?: string | null, on_violation?: OnViolation | null, 
/**
 * A JSON Schema (draft 7, or as its `$schema` says) of the properties, of identify and group of the traits. Absent:
 * everything fits.
 */
schema?: unknown, };

/**
 * A place in a text: `line` and `column` count from 1. `file` is relative to the workspace when it is in one.
 */
export type Position = { file?: string | null, line: number, column: number, };

/**
 * What became of a record.
 */
export type PreviewOutcome = "event" | "left_out" | "blocked" | "failed" | "malformed";

/**
 * A record before and after.
 */
export type PreviewRow = { partition: number, offset: number, outcome: PreviewOutcome, 
/**
 * Why it is no event.
 */
reason: string | null, 
/**
 * The event as the record says it, as JSON; of one that is malformed: the beginning of the value.
 */
before: string, 
/**
 * What is collected, as JSON.
 */
after: string | null, 
/**
 * What does not fit the tracking plan: `field: why`.
 */
violations: Array<string>, };

export type ProduceFileRequest = { cluster: string, topic: string, path: string, 
/**
 * Absent: by the file's ending, `.csv`, or `.jsonl`, `.ndjson` and `.json`; of another file a value a line.
 */
format?: ProduceFormat | null, 
/**
 * Of records that name none.
 */
partition?: number | null, key_schema?: ProduceSchema | null, value_schema?: ProduceSchema | null, };

/**
 * How the records of a file are read.
 */
export type ProduceFormat = "json_lines" | "values" | "csv";

/**
 * What became of a file. Before the first record is sent, every one was read and fits: a file with a wrong one is refused
 * as a whole.
 */
export type ProduceOutcome = { records: number, acknowledged: number, 
/**
 * Not in the topic.
 */
failed: number, 
/**
 * Sent, and never answered: they may be in the topic.
 */
uncertain: number, 
/**
 * The first of those that failed or are uncertain, by line.
 */
failures: Array<LineFailure>, took_ms: number, 
/**
 * Why it ended early, as a sentence.
 */
note: string | null, };

/**
 * One record. With a schema, key and value are JSON that has to fit it; without, they are written as they are.
 */
export type ProduceRequest = { cluster: string, topic: string, 
/**
 * Absent: no key.
 */
key: string | null, 
/**
 * Absent: no value, a tombstone.
 */
value: string | null, headers: Array<RecordHeader>, 
/**
 * Absent: chosen by the key, as Kafka's own clients do.
 */
partition?: number | null, 
/**
 * Absent: now.
 */
timestamp_ms?: number | null, key_schema?: ProduceSchema | null, value_schema?: ProduceSchema | null, };

/**
 * A registered schema to write by.
 */
export type ProduceSchema = { subject: string, 
/**
 * Absent: the latest.
 */
version?: number | null, 
/**
 * The full name of a Protobuf message. Absent: the first of its file.
 */
message?: string | null, };

/**
 * A topic that records are produced to.
 */
export type ProduceTo = { cluster: string, topic: string, };

/**
 * Where a record was written, once it was acknowledged.
 */
export type Produced = { partition: number, offset: number, value_bytes: number, };

export type ProfileAudience = { audience: string, since_ms: number, };

export type ProfileDeleteRequest = { profile_id: number, 
/**
 * Drops the events of its identifiers from then on.
 */
suppress: boolean, };

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
 * The merges that it, or any profile merged into it, had part in, newest first.
 */
merges: Array<Merge>, };

export type ProfileEvent = { message_id: string, kind: string, event: string, timestamp_ms: number, source: string, 
/**
 * A JSON object.
 */
properties: string, };

export type ProfileEvents = { events: Array<ProfileEvent>, 
/**
 * Absent: there are no more.
 */
next: EventCursor | null, };

export type ProfileEventsRequest = { profile_id: number, 
/**
 * Where the page before ended; absent: from the newest.
 */
cursor: EventCursor | null, limit: number, };

export type ProfileExportRequest = { profile_id: number, 
/**
 * The file to write.
 */
path: string, };

/**
 * The graph of a profile: everything that came to it, and what ties it together.
 */
export type ProfileGraph = { 
/**
 * The profiles that were merged, as each was created; the one that lives first.
 */
origins: Array<GraphOrigin>, 
/**
 * The merges that tie them.
 */
ties: Array<GraphTie>, };

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

export type QuarantineDetail = { record: QuarantinedRecord, 
/**
 * The whole value as text.
 */
value: string, 
/**
 * The value was too large to be kept whole.
 */
cut: boolean, };

/**
 * Why a record is in the quarantine.
 */
export type QuarantineKind = "malformed" | "blocked" | "failed";

/**
 * Newest first.
 */
export type QuarantineList = { records: Array<QuarantinedRecord>, 
/**
 * All that match, of which this is a page.
 */
total: number, 
/**
 * The oldest that had to leave, because there were too many or too large ones.
 */
evicted: number, 
/**
 * Records that are kept for each source.
 */
records_max: number, 
/**
 * Bytes that are kept for each source.
 */
bytes_max: number, };

/**
 * What came, or would come, of a replay of the quarantine.
 */
export type QuarantineReplay = { records: number, 
/**
 * Became events.
 */
collected: number, 
/**
 * Had been collected before: they leave the quarantine.
 */
duplicates: number, 
/**
 * The transformation leaves them out: they leave the quarantine.
 */
left_out: number, 
/**
 * Stay, each with its new reason.
 */
stayed: number, 
/**
 * The first of them.
 */
sample: Array<PreviewRow>, };

export type QuarantineReplayRequest = { 
/**
 * Empty: all.
 */
source: string, 
/**
 * Only these; empty: all that `filter` holds for.
 */
ids: Array<number>, 
/**
 * A SQL predicate over `source`, `kind`, `event`, `message_id`, `fields`, `reason`, `topic`, `partition`, `offset`,
 * `tries` and `value` (a text).
 */
filter: string | null, 
/**
 * Instead of the source's own: a transformation (`SELECT ... FROM events`), or how a record becomes an event
 * (`SELECT ... FROM records`).
 */
transform: string | null, 
/**
 * Changes nothing.
 */
dry_run: boolean, };

export type QuarantineRequest = { 
/**
 * Empty: all.
 */
source: string, 
/**
 * Text in the reason, event, message id or value, whatever its case; empty: all.
 */
text: string, 
/**
 * Empty: all.
 */
event: string, 
/**
 * One of the fields that do not fit; empty: all.
 */
field: string, offset: number, limit: number, };

export type QuarantineShowRequest = { id: number, };

/**
 * A record that became no event, kept as it was read.
 */
export type QuarantinedRecord = { id: number, source: string, topic: string, partition: number, offset: number, kind: QuarantineKind, 
/**
 * As far as it could be read.
 */
event: string | null, message_id: string | null, 
/**
 * The fields that do not fit, with commas.
 */
fields: string | null, reason: string, 
/**
 * The beginning of the value.
 */
value: string, 
/**
 * Of the record.
 */
timestamp_ms: number | null, seen_ms: number, 
/**
 * Times that it was replayed and stayed.
 */
tries: number, };

/**
 * Limits of whom they name.
 */
export type Quota = { entity: Array<QuotaEntity>, limits: Array<QuotaLimit>, };

export type QuotaEntity = { 
/**
 * `user`, `client-id` or `ip`.
 */
kind: string, 
/**
 * Absent: all that have none of their own.
 */
name: string | null, };

export type QuotaLimit = { 
/**
 * As Kafka names it: `producer_byte_rate` (bytes a second), `consumer_byte_rate`, `request_percentage`, ...
 */
name: string, value: number, };

/**
 * Members came or went, or partitions changed hands.
 */
export type Rebalance = { at_ms: number, 
/**
 * What changed, as a sentence.
 */
what: string, };

export type RecentWorkspace = { name: string, path: string, };

export type RecordBytes = { 
/**
 * Two digits a byte.
 */
hex: string, total: number, };

/**
 * A part of the bytes of a key or of a value.
 */
export type RecordBytesRequest = { cluster: string, topic: string, partition: number, offset: number, 
/**
 * Of the key, not of the value.
 */
key: boolean, first: number, 
/**
 * At most [`crate::limits::RECORD_BYTES_PAGE_MAX`].
 */
limit: number, };

export type RecordCompareRequest = { left: RecordRequest, right: RecordRequest, };

/**
 * One record, whole.
 */
export type RecordDetail = { topic: string, partition: number, offset: number, timestamp_ms: number | null, 
/**
 * The key as it is read: text, or JSON.
 */
key: string | null, 
/**
 * The key as the column `_key` has it, for a filter by it. Absent where that is no text.
 */
key_column: string | null, key_format: FormatUsed, key_bytes: number, key_problem: string | null, headers: Array<RecordHeader>, value_format: FormatUsed, 
/**
 * The value as JSON, when it can be read as JSON: indented, unless that makes it too long.
 */
json: string | null, 
/**
 * The value as text, or its beginning: see `text_bytes`. Of bytes: the beginning as hexadecimal.
 */
text: string | null, 
/**
 * Bytes of the whole text; the command `record_text` hands over what `text` has not.
 */
text_bytes: number, value_bytes: number, problem: string | null, 
/**
 * What the value names in its header, and what the registry says of it.
 */
schema: RecordSchema | null, };

/**
 * A field, as JSON on both sides; absent: it is not there.
 */
export type RecordDifference = { 
/**
 * `value.items[2].price`, `key`, `header trace-id`.
 */
path: string, left: string | null, right: string | null, };

/**
 * What two records do not have in common.
 */
export type RecordDifferences = { 
/**
 * At most [`crate::limits::DIFFERENCES_MAX`], in the order of the left record.
 */
differences: Array<RecordDifference>, total: number, 
/**
 * Fields that are the same.
 */
same: number, };

export type RecordHeader = { name: string, value: string | null, };

export type RecordRequest = { cluster: string, topic: string, partition: number, offset: number, 
/**
 * How it is read; what is absent is as the cluster's file says, or found out.
 */
formats?: TopicFormats, };

export type RecordRow = { partition: number, offset: number, timestamp_ms: number | null, 
/**
 * Its beginning as text, as are the value's and each field's; see [`crate::limits::CELL_CHARS_MAX`].
 */
key: string | null, value: string | null, value_bytes: number, 
/**
 * One a column of `TailRows::columns`.
 */
fields: Array<string | null>, 
/**
 * Why the value could not be decoded.
 */
problem: string | null, };

/**
 * The schema that a record names.
 */
export type RecordSchema = { 
/**
 * As the registry counts them.
 */
id: number, 
/**
 * `Avro`, `Protobuf`, `JSON Schema`; absent: the registry did not say.
 */
kind: string | null, text: string | null, 
/**
 * `orders-value, version 3`.
 */
uses: Array<string>, problem: string | null, };

export type RecordText = { text: string, 
/**
 * Where it begins, and where what follows begins, in bytes.
 */
first: number, next: number, total: number, };

/**
 * A part of a value as text, for one that is too large to be handed over at once.
 */
export type RecordTextRequest = { record: RecordRequest, 
/**
 * A byte of the text; a character that it cuts is begun anew.
 */
first: number, 
/**
 * At most [`crate::limits::RECORD_TEXT_BYTES_MAX`].
 */
limit: number, };

/**
 * `[registry]` of a cluster: a schema registry that speaks Confluent's protocol.
 */
export type RegistryDefinition = { 
/**
 * `http://` or `https://`; a path before the API's own is kept.
 */
url: string, 
/**
 * With `password`: basic authentication.
 */
user?: string | null, password?: string | null, 
/**
 * Bearer authentication.
 */
token?: string | null, 
/**
 * Certificates in PEM that are trusted beside the machine's own; absent: the cluster's `ssl.ca.location`.
 */
ca?: string | null, 
/**
 * For mutual TLS, with `key`: files in PEM, the key in PKCS #8.
 */
certificate?: string | null, key?: string | null, };

/**
 * Moves offsets exactly as a preview showed them.
 */
export type ResetApply = { cluster: string, group: string, offsets: Array<ResetOffset>, };

export type ResetOffset = { topic: string, partition: number, offset: number, };

/**
 * What a reset changes, or changed.
 */
export type ResetPlan = { cluster: string, group: string, rows: Array<ResetRow>, 
/**
 * Records that the group will not read.
 */
skipped: number, 
/**
 * Records that it will read again.
 */
again: number, 
/**
 * Why it can't be done now, as a sentence; absent: it can.
 */
refused: string | null, };

/**
 * Which offsets of a group shall be moved, and where to.
 */
export type ResetRequest = { cluster: string, group: string, 
/**
 * What is moved; empty: every partition that the group has committed.
 */
only: Array<ResetScope>, to: ResetTo, };

export type ResetRow = { topic: string, partition: number, current: number | null, new: number, start: number, end: number, 
/**
 * `new` less `current`; absent: nothing was committed.
 */
change: number | null, 
/**
 * What was asked for, when it lay outside of the partition and was moved to its edge.
 */
clamped_from: number | null, 
/**
 * What else there is to know, as a sentence.
 */
note: string | null, };

/**
 * A topic, or some of its partitions.
 */
export type ResetScope = { topic: string, 
/**
 * Empty: all.
 */
partitions: Array<number>, };

export type ResetTo = "earliest" | "latest" | { "offset": number } | { "timestamp": number } | { "shift": number } | { "duration": number } | { "csv": string };

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

/**
 * The shop of the sandbox.
 */
export type SandboxSettings = { seed: number, 
/**
 * Live events a second.
 */
events_per_second: number, 
/**
 * Events before now that the topics hold at the start, spread over `history_days`.
 */
history_events: number, history_days: number, 
/**
 * People in the shop.
 */
people: number, };

/**
 * A change of the registry.
 */
export type SchemaChange = { "kind": "register", subject: string, schema: SchemaText, } | { "kind": "set_level", 
/**
 * Absent: the registry's own.
 */
subject?: string | null, 
/**
 * Absent: the subject's own goes, and the registry's own holds.
 */
level?: string | null, } | { "kind": "delete", subject: string, version?: number | null, };

/**
 * What a change would do.
 */
export type SchemaChangePreview = { 
/**
 * As a question.
 */
title: string, lines: Array<ChangeLine>, 
/**
 * What should be known before, a sentence each.
 */
warnings: Array<string>, 
/**
 * Something is lost.
 */
destructive: boolean, nothing: boolean, 
/**
 * The change with everything resolved: apply this.
 */
change: SchemaChange, };

export type SchemaChangeRequest = { cluster: string, change: SchemaChange, };

export type SchemaChanged = { 
/**
 * What was done, as a sentence.
 */
done: string, };

/**
 * Whether a schema may be the next version, as the registry judges.
 */
export type SchemaCheck = { subject: string, schema_type: SchemaType, level: string | null, level_is_global: boolean | null, 
/**
 * With every version that it was checked against.
 */
compatible: boolean, 
/**
 * The newest first; none: the subject is new, and anything may be its first version.
 */
versions: Array<SchemaVerdict>, 
/**
 * The version that this schema is already.
 */
registered: number | null, 
/**
 * From the latest version to this schema.
 */
difference: SchemaDifference | null, 
/**
 * What was not checked, or means less than it seems, a sentence each.
 */
notes: Array<string>, };

export type SchemaCheckRequest = { cluster: string, subject: string, schema: SchemaText, 
/**
 * Against every version, not the latest alone.
 */
all: boolean, };

export type SchemaCompareRequest = { cluster: string, left: SchemaUseOf, right: SchemaUseOf, };

export type SchemaComparison = { left: SchemaVersion, right: SchemaVersion, difference: SchemaDifference, };

/**
 * What two schemas do not have in common.
 */
export type SchemaDifference = { 
/**
 * Both texts, line by line beside each other.
 */
rows: Array<DifferenceRow>, 
/**
 * Lines.
 */
added: number, removed: number, 
/**
 * Fields that are only on one side, or of another type. Absent: one of the schemas could not be read.
 */
fields: Array<FieldDifference> | null, };

export type SchemaFile = { name: string, text: string, 
/**
 * By the file's ending; absent: it does not say.
 */
schema_type: SchemaType | null, };

/**
 * The text of a file on this machine.
 */
export type SchemaFileRequest = { path: string, };

/**
 * Where a schema uses another.
 */
export type SchemaLink = { 
/**
 * As the schema names it: a type in Avro, a file in Protobuf, a URL in JSON Schema.
 */
name: string, subject: string, version: number, };

export type SchemaRequest = { cluster: string, subject: string, 
/**
 * Absent: the latest.
 */
version?: number | null, };

/**
 * A schema that is not registered yet.
 */
export type SchemaText = { 
/**
 * Absent: as the latest version of the subject; without one: found out from the text.
 */
schema_type?: SchemaType | null, text: string, 
/**
 * Absent: those of the latest version.
 */
references?: Array<SchemaLink> | null, };

/**
 * The language of a schema.
 */
export type SchemaType = "avro" | "protobuf" | "json";

/**
 * A version of a subject.
 */
export type SchemaUseOf = { subject: string, version: number, };

export type SchemaVerdict = { version: number, compatible: boolean, 
/**
 * As the registry says; it may give none.
 */
reasons: Array<string>, };

/**
 * One version of a subject.
 */
export type SchemaVersion = { subject: string, version: number, id: number, schema_type: SchemaType, 
/**
 * Indented; Protobuf as it was registered.
 */
text: string, references: Array<SchemaLink>, 
/**
 * Versions of subjects that use this one. Absent: the registry does not say.
 */
referenced_by: Array<SchemaUseOf> | null, };

export type SearchRequest = { 
/**
 * Any identifier, or the beginning of one; empty: the last seen.
 */
text: string, offset: number, limit: number, };

/**
 * A partition and who is to blame.
 */
export type SlowPartition = { topic: string, partition: number, lag: number, lag_ms: number | null, lag_ms_source: LagTimeSource | null, 
/**
 * Its owner; absent: nobody.
 */
member: string | null, client: string | null, host: string | null, };

/**
 * `sources/NAME.toml`: where events come from and how a record becomes an event.
 *
 * A kind says which of the other keys belong to it: `cluster`, `topic` and `group` are those of a topic of Kafka, the
 * table `[tracking]` is that of the tracking API.
 */
export type SourceDefinition = { kind?: SourceKind, 
/**
 * Empty: of another kind than Kafka.
 */
cluster?: string, topic?: string, 
/**
 * Absent: the record's value is an event of Segment's spec as it is.
 * Present: a `SELECT` over the table `records` (columns `_partition`, `_offset`, `_timestamp`, `_key`, `value`)
 * whose columns are the event: `message_id`, `type` (default `track`), `event`, `user_id`, `anonymous_id`,
 * `email`, `timestamp`; every other column is a property (of `identify`: a trait).
 */
sql?: string | null, 
/**
 * What becomes of each event: a `SELECT` over the table `events`, whose columns are `message_id`, `type`, `event`,
 * `timestamp`, `user_id`, `anonymous_id`, `context` and the event's own properties. May stand in `sources/NAME.sql`.
 */
transform?: string | null, 
/**
 * The tracking plan that its events are checked against.
 */
plan?: string | null, 
/**
 * The consumer group whose offsets follow the checkpoint.
 */
group?: string | null, enabled: boolean, tracking?: TrackingSettings | null, };

/**
 * Where a source's events come from.
 */
export type SourceKind = "kafka" | "tracking";

export type SourcePreview = { 
/**
 * The transformation that was tried.
 */
transform: string | null, rows: Array<PreviewRow>, };

export type SourcePreviewRequest = { name: string, 
/**
 * The transformation to try; absent: the source's own. Empty: none.
 */
transform: string | null, 
/**
 * So many of the newest records.
 */
count: number, };

/**
 * What a replay did, or would do.
 */
export type SourceReplay = { records: number, 
/**
 * Events that were not in the log.
 */
added: number, 
/**
 * Were there in another form.
 */
replaced: number, 
/**
 * Are there as they would be.
 */
same: number, 
/**
 * Were there, and are left out or blocked now.
 */
removed: number, 
/**
 * Of the replaced and the removed: those whose old form said otherwise who somebody is or what their traits are.
 * Merges and traits that it brought about stay.
 */
identities: number, 
/**
 * Become no event by the transformation's `WHERE`.
 */
left_out: number, 
/**
 * Kept in the quarantine.
 */
blocked: number, malformed: number, 
/**
 * Records that the topic no longer has.
 */
lost: number, took_ms: number, };

export type SourceReplayRequest = { name: string, from_ms: number, 
/**
 * Absent: to the end that the topic has now.
 */
to_ms: number | null, 
/**
 * Changes nothing.
 */
dry_run: boolean, };

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
 * Kept apart, because the tracking plan says so, or the transformation fails on them.
 */
blocked: number, 
/**
 * In the quarantine now: those of the two above that were not replayed since.
 */
quarantined: number, 
/**
 * Times that a field, or an event, did not fit the tracking plan.
 */
violations: number, 
/**
 * Not collected: the transformation's `WHERE` leaves them out.
 */
left_out: number, 
/**
 * Records that were deleted from the topic before they were read, so far as is known.
 */
lost: number, 
/**
 * Records between the checkpoint and the end of the topic; absent: unknown.
 */
behind: number | null, per_second: number, checkpoint_ms: number | null, error: Error | null, };

export type SourceTransformRequest = { name: string, 
/**
 * Absent or empty: none any more.
 */
transform: string | null, };

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

export type SubjectDetail = { summary: SubjectSummary, 
/**
 * The registry's own level.
 */
global_level: string | null, 
/**
 * The oldest first.
 */
versions: Array<number>, };

export type SubjectList = { cluster: string, 
/**
 * The registry's address.
 */
url: string, 
/**
 * What every subject keeps to that has no level of its own: `BACKWARD`, ... Absent: the registry does not say.
 */
level: string | null, 
/**
 * By name.
 */
subjects: Array<SubjectSummary>, 
/**
 * What is not known and why, a sentence each.
 */
missing: Array<string>, };

export type SubjectListRequest = { cluster: string, 
/**
 * Asks for each subject, too. Without: names alone, at once.
 */
details: boolean, };

export type SubjectRequest = { cluster: string, subject: string, };

/**
 * A subject. What was not asked for, or not answered, is absent.
 */
export type SubjectSummary = { subject: string, 
/**
 * Of the latest version.
 */
schema_type: SchemaType | null, versions: number | null, latest: number | null, 
/**
 * The schema's id, of the latest version.
 */
id: number | null, references: number | null, 
/**
 * What a new version has to keep to.
 */
level: string | null, 
/**
 * The level is the registry's own: none is set for the subject, or the same.
 */
level_is_global: boolean | null, };

export type SuppressRequest = { 
/**
 * All identifiers of this profile; absent: those that are listed.
 */
profile_id: number | null, identifiers: Array<KindValue>, 
/**
 * Takes their events in again.
 */
end: boolean, };

/**
 * An identifier whose events are dropped; itself it is not kept.
 */
export type Suppression = { kind: string, 
/**
 * SHA-256 of the kind, a zero byte and the value.
 */
hash: string, since_ms: number, 
/**
 * Events dropped by it.
 */
dropped: number, 
/**
 * Until when; absent: it holds.
 */
until_ms: number | null, };

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

/**
 * A file of all matching records.
 */
export type TailExport = { path: string, bytes: number, rows: number, scanned: number, scanned_bytes: number, 
/**
 * Why it ended, as a sentence.
 */
note: string, };

export type TailExportRequest = { 
/**
 * Without an end it goes on until it is cancelled.
 */
tail: TailRequest, path: string, format: ExportFormat, };

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
 * Columns in SQL over the same: `_key, value.total * 100 AS cents`. They are what is written; the rows of the view stay
 * whole records.
 */
select?: string | null, 
/**
 * Stops at the ends that the partitions had when it started.
 */
stop_at_end: boolean, 
/**
 * Stops after this many matched records.
 */
limit?: number | null, 
/**
 * How keys and values are read, for this tail alone; what is absent is as the cluster's file says.
 */
formats?: TopicFormats, };

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
 * Rows of a tail, from one on, as much of each as a table shows.
 */
export type TailRowsRequest = { view: number, offset: number, limit: number, 
/**
 * The fields that are wanted, by their names in the tail's columns: the others are not decoded. Absent: all.
 */
columns: Array<string> | null, };

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
mistyped: number, 
/**
 * Records that matched and wait for slower partitions, so that they come in the order of time.
 */
waiting: number, per_second: number, started_ms: number, 
/**
 * Decoded fields worth a column, most frequent first.
 */
columns: Array<Column>, partitions: Array<TailPartition>, 
/**
 * What keys and values are read as; absent: not known before the first of them.
 */
key_format: FormatUsed | null, value_format: FormatUsed | null, 
/**
 * Values and keys that are not of their format.
 */
undecoded: number, 
/**
 * The first of them, with its place and why.
 */
undecoded_first: string | null, 
/**
 * Why it stopped, or what it waits for, as a sentence.
 */
note: string | null, error: Error | null, };

/**
 * What a subscription may follow.
 */
export type Topic = { "view": number } | "lag" | "alerts" | "topics" | "events" | "memberships" | "syncs" | "definitions" | "activity";

/**
 * One change of one topic.
 */
export type TopicChange = { "kind": "create", topic: string, 
/**
 * Absent: what the cluster makes of it, or what the topic copied from has.
 */
partitions?: number | null, replication?: number | null, configs: { [key in string]: string }, 
/**
 * Takes what is not given here from another topic, also of another cluster.
 */
copy_from?: TopicRef | null, } | { "kind": "alter_config", topic: string, set: { [key in string]: string }, reset: Array<string>, } | { "kind": "add_partitions", topic: string, 
/**
 * How many there are afterwards.
 */
total: number, } | { "kind": "delete_records", topic: string, before: DeleteBefore, 
/**
 * Empty: all.
 */
partitions: Array<number>, } | { "kind": "delete", topic: string, } | { "kind": "copy_settings", topic: string, from: TopicRef, };

/**
 * What exactly a change will do. Nothing has been done yet; the cluster itself has judged what it can judge beforehand.
 */
export type TopicChangePreview = { 
/**
 * As a question: `Delete topic "orders" of prod?`.
 */
title: string, lines: Array<ChangeLine>, 
/**
 * What should be known before, a sentence each.
 */
warnings: Array<string>, 
/**
 * Something is lost for good.
 */
destructive: boolean, 
/**
 * Nothing would change.
 */
nothing: boolean, 
/**
 * The change with everything resolved: apply this, so that what is done is what was shown.
 */
change: TopicChange, };

export type TopicChangeRequest = { cluster: string, change: TopicChange, };

export type TopicChanged = { 
/**
 * What was done, as a sentence.
 */
done: string, };

export type TopicCompareRequest = { left: TopicRef, right: TopicRef, };

/**
 * Two topics side by side.
 */
export type TopicComparison = { left: TopicRef, right: TopicRef, rows: Array<ComparisonRow>, 
/**
 * Rows that differ.
 */
differences: number, };

export type TopicDetail = { name: string, internal: boolean, partitions: Array<PartitionDetail>, 
/**
 * Why numbers are missing, a sentence each.
 */
missing: Array<string>, sampled_ms: number, };

/**
 * `[topics.NAME]` of a cluster: how the records of a topic are read.
 */
export type TopicFormats = { 
/**
 * Absent: found out from the records.
 */
key?: FormatDefinition | null, 
/**
 * Absent: found out from the records.
 */
value?: FormatDefinition | null, 
/**
 * How far the time of a record may be behind that of an earlier one, where producers set the times. A query for times
 * reads on for so long after the last; absent: to the end of the topic, because any record may be late.
 */
lateness?: Span | null, };

/**
 * Remembers how a topic is read.
 */
export type TopicFormatsRequest = { cluster: string, topic: string, 
/**
 * What is absent is found out from the records again.
 */
formats: TopicFormats, };

/**
 * Every topic of a cluster as last asked for. What is unknown is absent, never 0.
 */
export type TopicList = { topics: Array<TopicSummary>, 
/**
 * When the cluster was asked.
 */
sampled_ms: number, 
/**
 * A newer answer is on its way.
 */
refreshing: boolean, 
/**
 * Why numbers are missing, a sentence each.
 */
missing: Array<string>, };

/**
 * A topic of a cluster.
 */
export type TopicRef = { cluster: string, topic: string, };

export type TopicRequest = { cluster: string, topic: string, };

export type TopicSummary = { name: string, 
/**
 * Kafka keeps it for itself.
 */
internal: boolean, partitions: number, replication: number, 
/**
 * End offsets less start offsets. Absent: not all partitions answered.
 */
records: number | null, 
/**
 * One copy: the logs of the leaders.
 */
bytes: number | null, 
/**
 * All copies.
 */
bytes_on_disk: number | null, 
/**
 * Records a second, by end offsets over the last minute that was sampled.
 */
in_per_second: number | null, 
/**
 * Partitions with fewer replicas in sync than there are.
 */
under_replicated: number, 
/**
 * Partitions that nobody leads.
 */
leaderless: number, 
/**
 * `delete`, `compact` or both.
 */
cleanup_policy: string | null, 
/**
 * -1: without end.
 */
retention_ms: number | null, };

/**
 * `tracking-plans/NAME.json`: what events are to look like. A source names it with `plan = "NAME"`.
 */
export type TrackingPlanDefinition = { 
/**
 * Raised by a person with every change that others shall know of.
 */
version: number, title?: string | null, description?: string | null, 
/**
 * Of events that do not say it themselves.
 */
on_violation: OnViolation, 
/**
 * Of events that the plan does not name: `allow` or `block`.
 */
unplanned: OnViolation, 
/**
 * By the event's name, as the event log has it (`Order Completed`, `Identify`, the name of a page).
 */
events: { [key in string]: PlannedEvent }, };

/**
 * `[tracking]`: who may send to the tracking API, and how much.
 */
export type TrackingSettings = { 
/**
 * `secret:NAME`, or `sha256:` and the key's SHA-256 in hexadecimal digits: never the key itself.
 */
write_key: string, 
/**
 * Pages whose scripts may send, such as `https://shop.example`; `*`: any. Empty: none, only programs may.
 */
cors_origins?: Array<string>, 
/**
 * Where what is accepted is produced as well.
 */
produce?: ProduceTo | null, 
/**
 * More are answered with 429. Absent: as many as can be kept.
 */
events_per_second_max?: number | null, };

/**
 * A trait as an event said it.
 */
export type TraitChange = { name: string, 
/**
 * JSON.
 */
value: string, timestamp_ms: number, message_id: string, };

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

/**
 * What identify events said of a person's traits over time: each change, newest first.
 */
export type TraitHistory = { changes: Array<TraitChange>, 
/**
 * Older ones are not here.
 */
cut: boolean, };

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

export type ViolationChartRequest = { source: string, from_ms: number | null, style: ChartStyle, };

/**
 * How often a field of an event did not fit.
 */
export type ViolationCount = { source: string, event: string, 
/**
 * `address.zip`; empty: the event itself, which the plan does not name.
 */
field: string, count: number, first_ms: number, last_ms: number, 
/**
 * The last one.
 */
reason: string, topic: string, partition: number, offset: number, 
/**
 * Count by hour, oldest first; hours without any are not in it.
 */
hours: Array<ViolationHour>, };

export type ViolationHour = { 
/**
 * When the hour begins.
 */
hour_ms: number, count: number, };

/**
 * Most frequent first.
 */
export type ViolationList = { violations: Array<ViolationCount>, total: number, from_ms: number, };

export type ViolationRequest = { 
/**
 * Empty: all.
 */
source: string, 
/**
 * Absent: a week ago.
 */
from_ms: number | null, };

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
  broker_list: { request: ClusterRequest; response: BrokerList };
  broker_config: { request: BrokerRequest; response: Array<ConfigEntry> };
  acl_list: { request: AclRequest; response: Array<Acl> };
  quota_list: { request: ClusterRequest; response: Array<Quota> };
  topic_list: { request: ClusterRequest; response: TopicList };
  cluster_definition: { request: ClusterRequest; response: ClusterDefined };
  cluster_try: { request: ClusterSaveRequest; response: ConnectionTest };
  cluster_save: { request: ClusterSaveRequest; response: ClusterSummary };
  import_preview: { request: ImportRequest; response: Import };
  import_run: { request: ImportRequest; response: Import };
  topic_show: { request: TopicRequest; response: TopicDetail };
  topic_config: { request: TopicRequest; response: Array<ConfigEntry> };
  topic_change_preview: { request: TopicChangeRequest; response: TopicChangePreview };
  topic_change_apply: { request: TopicChangeRequest; response: TopicChanged };
  topic_compare: { request: TopicCompareRequest; response: TopicComparison };
  tail_start: { request: TailRequest; response: TailStarted };
  tail_pause: { request: ViewRequest; response: Nothing };
  tail_resume: { request: ViewRequest; response: Nothing };
  tail_stop: { request: ViewRequest; response: TailStatus };
  tail_close: { request: ViewRequest; response: Nothing };
  tail_status: { request: ViewRequest; response: TailStatus };
  tail_rows: { request: TailRowsRequest; response: TailRows };
  record_show: { request: RecordRequest; response: RecordDetail };
  record_text: { request: RecordTextRequest; response: RecordText };
  record_bytes: { request: RecordBytesRequest; response: RecordBytes };
  record_compare: { request: RecordCompareRequest; response: RecordDifferences };
  format_list: { request: Nothing; response: Array<FormatSummary> };
  topic_formats_save: { request: TopicFormatsRequest; response: Nothing };
  group_list: { request: ClusterRequest; response: Array<GroupSummary> };
  group_show: { request: GroupRequest; response: GroupDetail };
  lag_chart: { request: LagChartRequest; response: Chart };
  group_reset_preview: { request: ResetRequest; response: ResetPlan };
  group_reset: { request: ResetApply; response: ResetPlan };
  group_delete: { request: GroupDelete; response: Nothing };
  alert_list: { request: Nothing; response: Array<AlertSummary> };
  alert_preview: { request: AlertRequest; response: AlertPreview };
  alert_test: { request: AlertRequest; response: AlertTested };
  alert_save: { request: AlertSaveRequest; response: Nothing };
  alert_delete: { request: Named; response: Nothing };
  connect_list: { request: ClusterRequest; response: ConnectOverview };
  connector_show: { request: ConnectorRequest; response: ConnectorDetail };
  connector_act: { request: ConnectorActRequest; response: ConnectorSummary };
  subject_list: { request: SubjectListRequest; response: SubjectList };
  subject_show: { request: SubjectRequest; response: SubjectDetail };
  schema_show: { request: SchemaRequest; response: SchemaVersion };
  schema_compare: { request: SchemaCompareRequest; response: SchemaComparison };
  schema_check: { request: SchemaCheckRequest; response: SchemaCheck };
  schema_file: { request: SchemaFileRequest; response: SchemaFile };
  schema_change_preview: { request: SchemaChangeRequest; response: SchemaChangePreview };
  schema_change_apply: { request: SchemaChangeRequest; response: SchemaChanged };
  record_produce: { request: ProduceRequest; response: Produced };
  file_produce: { request: ProduceFileRequest; response: ProduceOutcome };
  topic_copy: { request: CopyRequest; response: CopyOutcome };
  tail_export: { request: TailExportRequest; response: TailExport };
  source_list: { request: Nothing; response: Array<SourceSummary> };
  malformed_list: { request: PageRequest; response: Array<MalformedRecord> };
  source_preview: { request: SourcePreviewRequest; response: SourcePreview };
  source_transform_save: { request: SourceTransformRequest; response: Nothing };
  source_replay: { request: SourceReplayRequest; response: SourceReplay };
  quarantine_list: { request: QuarantineRequest; response: QuarantineList };
  quarantine_show: { request: QuarantineShowRequest; response: QuarantineDetail };
  quarantine_replay: { request: QuarantineReplayRequest; response: QuarantineReplay };
  violation_list: { request: ViolationRequest; response: ViolationList };
  violation_chart: { request: ViolationChartRequest; response: Chart };
  plan_list: { request: Nothing; response: Array<PlanSummary> };
  plan_show: { request: Named; response: PlanDetail };
  plan_infer: { request: PlanInferRequest; response: PlanInferred };
  plan_save: { request: PlanSaveRequest; response: PlanDetail };
  plan_diff: { request: PlanDiffRequest; response: PlanDifference };
  profile_search: { request: SearchRequest; response: ProfileList };
  profile_show: { request: ProfileRequest; response: ProfileDetail };
  profile_events: { request: ProfileEventsRequest; response: ProfileEvents };
  profile_graph: { request: ProfileRequest; response: ProfileGraph };
  trait_history: { request: ProfileRequest; response: TraitHistory };
  profile_merges: { request: ProfileRequest; response: Array<Merge> };
  merge_undo_preview: { request: MergeRequest; response: MergeUndoPreview };
  merge_undo: { request: MergeRequest; response: MergeUndone };
  merge_allow: { request: MergeRequest; response: Merge };
  profile_delete_preview: { request: ProfileDeleteRequest; response: PersonPreview };
  profile_delete: { request: ProfileDeleteRequest; response: PersonChanged };
  profile_suppress_preview: { request: SuppressRequest; response: PersonPreview };
  profile_suppress: { request: SuppressRequest; response: PersonChanged };
  suppression_list: { request: Nothing; response: Array<Suppression> };
  profile_export: { request: ProfileExportRequest; response: FileWritten };
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
