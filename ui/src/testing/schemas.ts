/** A made-up schema registry: subjects with versions, references and levels; and what may follow them. */

import type { DifferenceRow, SchemaVersion, SubjectSummary } from "@/bindings";
import { asThrown } from "@/platform/transport";
import type { Handlers } from "./fixture";

const field = (name: string, type: unknown, more: object = {}) => ({ name, type, ...more });
const avro = (...fields: object[]) => JSON.stringify({ type: "record", name: "Order", namespace: "shop", doc: "An order as the checkout wrote it.", fields }, null, 2);
const ORDER = [
  avro(field("id", "long"), field("total", "double"), field("status", "string")),
  avro(field("id", "long"), field("total", "double"), field("status", { type: "enum", name: "Status", symbols: ["NEW", "PAID"] }), field("note", ["null", "string"], { default: null })),
  avro(field("id", "long"), field("total", { type: "bytes", logicalType: "decimal", precision: 12, scale: 2 }), field("status", { type: "enum", name: "Status", symbols: ["NEW", "PAID", "SENT"] }), field("ship_to", "shop.Address")),
];
const ADDRESS = JSON.stringify({ type: "record", name: "Address", namespace: "shop", fields: [field("street", "string"), field("city", "string"), field("country", "string")] }, null, 2);
const PAGE = 'syntax = "proto3";\npackage web;\n\nmessage PageView {\n  string page = 1;\n  int64 user = 2;\n}';

interface Held {
  kind: SubjectSummary["schema_type"];
  texts: readonly string[];
  level: string | null;
  references?: SchemaVersion["references"];
}

const SUBJECTS: Readonly<Record<string, Held>> = {
  "shop.orders-value": { kind: "avro", texts: ORDER, level: null, references: [{ name: "shop.Address", subject: "shop.Address", version: 1 }] },
  "shop.Address": { kind: "avro", texts: [ADDRESS], level: "FULL_TRANSITIVE" },
  "shop.orders-key": { kind: "avro", texts: ['"long"'], level: null },
  "web.pageviews-value": { kind: "protobuf", texts: [PAGE, PAGE.replace("\n}", "\n  string referrer = 3;\n}")], level: "BACKWARD_TRANSITIVE" },
  "crm.accounts-value": { kind: "json", texts: ['{\n  "type": "object",\n  "required": ["id"],\n  "properties": {\n    "id": {\n      "type": "integer"\n    }\n  }\n}'], level: "NONE" },
  "billing.invoices-value": { kind: "avro", texts: ORDER.slice(0, 2), level: null },
};
const GLOBAL = "BACKWARD";

const held = (subject: string): Held => {
  const found = SUBJECTS[subject];
  if (!found) throw asThrown({ domain: "user", retry: false, code: "unknown_subject", message: `the schema registry http://registry:8081 has no subject "${subject}"` });
  return found;
};

function summary(subject: string, known: boolean): SubjectSummary {
  const { kind, texts, level, references } = held(subject);
  return {
    subject, schema_type: known ? kind : null, versions: known ? texts.length : null, latest: known ? texts.length : null, id: known ? Object.keys(SUBJECTS).indexOf(subject) * 10 + texts.length : null, references: known ? (references?.length ?? 0) : null,
    level: known ? (level ?? GLOBAL) : null, level_is_global: known ? level === null : null,
  };
}

function version(subject: string, number: number | null | undefined): SchemaVersion {
  const { kind, texts, references } = held(subject);
  const at = number ?? texts.length;
  return {
    subject, version: at, id: Object.keys(SUBJECTS).indexOf(subject) * 10 + at, schema_type: kind ?? "avro", text: texts[at - 1] ?? "", references: at === texts.length ? (references ?? []) : [],
    referenced_by: subject === "shop.Address" ? [{ subject: "shop.orders-value", version: 3 }] : [],
  };
}

/** Good enough for looking at: lines of the left that are not on the right, and the other way round. */
function beside(left: string, right: string): DifferenceRow[] {
  const [a, b] = [left.split("\n"), right.split("\n")];
  const rows: DifferenceRow[] = [];
  for (let x = 0, y = 0; x < a.length || y < b.length; ) {
    const [one, other] = [a[x], b[y]];
    if (one !== undefined && one === other) {
      rows.push({ change: "same", left_line: ++x, left: one, right_line: ++y, right: null });
      continue;
    }
    const leaves = one !== undefined && !b.slice(y).includes(one);
    const comes = other !== undefined && !a.slice(x).includes(other);
    if (leaves && comes) rows.push({ change: "changed", left_line: ++x, left: one, right_line: ++y, right: other });
    else if (leaves || other === undefined) rows.push({ change: "removed", left_line: ++x, left: one ?? "", right_line: null, right: null });
    else rows.push({ change: "added", left_line: null, left: null, right_line: ++y, right: other });
  }
  return rows;
}

function difference(left: string, right: string) {
  const rows = beside(left, right);
  const counted = (side: "left" | "right") => rows.filter((row) => row.change !== "same" && row[side] !== null).length;
  return {
    rows, added: counted("right"), removed: counted("left"),
    fields: left === right ? [] : [
      { path: "total", change: "changed" as const, left: "double", right: "bytes, decimal(12, 2)" }, { path: "status", change: "changed" as const, left: "enum Status(NEW, PAID)", right: "enum Status(NEW, PAID, SENT)" },
      { path: "ship_to", change: "added" as const, left: null, right: "shop.Address" }, { path: "note", change: "removed" as const, left: "null | string, default null", right: null },
    ],
  };
}

const list = (cluster: string, details: boolean) => {
  if (cluster !== "sandbox" && cluster !== "prod-eu") throw asThrown({ domain: "user", retry: false, code: "no_registry", message: `cluster "${cluster}" has no schema registry` });
  return { cluster, url: "http://registry:8081/", level: GLOBAL, subjects: Object.keys(SUBJECTS).sort().map((subject) => summary(subject, details)), missing: [] };
};

export const schemas: Partial<Handlers> = {
  subject_list: ({ cluster, details }) => list(cluster, details),
  subject_show: ({ subject }) => ({ summary: summary(subject, true), global_level: GLOBAL, versions: held(subject).texts.map((_, at) => at + 1) }),
  schema_show: ({ subject, version: at }) => version(subject, at),
  schema_compare: ({ left, right }) => {
    const [a, b] = [version(left.subject, left.version), version(right.subject, right.version)];
    return { left: a, right: b, difference: difference(a.text, b.text) };
  },
  schema_check: ({ subject, schema, all }) => {
    const known = SUBJECTS[subject];
    if (!known) return { subject, schema_type: "avro", level: GLOBAL, level_is_global: true, compatible: true, versions: [], registered: null, difference: null, notes: [`subject "${subject}" is new: anything may be its first version`] };
    const registered = known.texts.indexOf(schema.text) + 1 || null;
    const reasons = registered === null && !schema.text.includes("default") ? ["READER_FIELD_MISSING_DEFAULT_VALUE: the field `must` at path /fields/1 has no default value, and is not in the version before"] : [];
    const versions = known.texts.map((_, at) => at + 1).reverse().slice(0, all ? undefined : 1).map((at) => ({ version: at, compatible: reasons.length === 0, reasons }));
    return { subject, schema_type: known.kind ?? "avro", level: known.level ?? GLOBAL, level_is_global: known.level === null, compatible: reasons.length === 0, versions, registered, difference: difference(known.texts.at(-1) ?? "", schema.text), notes: [] };
  },
  schema_file: ({ path }) => ({ name: path, text: '"string"', schema_type: "avro" }),
  schema_change_preview: ({ cluster, change }) => ({
    title: change.kind === "delete" ? `Delete subject "${change.subject}" on ${cluster}?` : change.kind === "register" ? `Register the Avro schema as the next version of "${change.subject}" on ${cluster}?` : `Set the compatibility level of "${change.subject ?? "the registry"}" on ${cluster}?`,
    lines: change.kind === "set_level" ? [{ what: "compatibility level", before: GLOBAL, after: change.level ?? GLOBAL, note: null }] : [{ what: "latest version", before: "3", after: change.kind === "register" ? "a new one" : null, note: null }],
    warnings: change.kind === "delete" ? ["consumers that have not read its schema yet may not find it any more"] : [], destructive: change.kind === "delete", nothing: false, change,
  }),
  schema_change_apply: ({ change }) => ({ done: `${change.subject ?? "the registry"} is changed` }),
};
