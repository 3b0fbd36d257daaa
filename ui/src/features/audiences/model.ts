/** Condition trees as the builder edits them: every change gives a new tree. Paths are `0`, `1.0`; the root's is empty. */

import type { Condition, Operator, Value } from "@/bindings";

export type Path = readonly number[];
export type Kind = "all" | "any" | "not" | "performed" | "attribute" | "trait" | "in_audience" | "sql";

export function kindOf(condition: Condition): Kind {
  return Object.keys(condition)[0] as Kind;
}

export function pathName(path: Path): string {
  return path.join(".");
}

export function children(condition: Condition): readonly Condition[] {
  if ("all" in condition) return condition.all;
  if ("any" in condition) return condition.any;
  if ("not" in condition) return [condition.not];
  return [];
}

function withChildren(condition: Condition, next: readonly Condition[]): Condition {
  if ("all" in condition) return { all: [...next] };
  if ("any" in condition) return { any: [...next] };
  const [only] = next;
  return "not" in condition && only ? { not: only } : condition;
}

/** The tree with the condition at `path` changed; null takes it out, and with it what would be left empty. */
export function change(root: Condition, path: Path, edit: (condition: Condition) => Condition | null): Condition | null {
  const [index, ...rest] = path;
  if (index === undefined) return edit(root);
  const before = children(root);
  const next = before.flatMap((child, at) => {
    if (at !== index) return [child];
    const changed = change(child, rest, edit);
    return changed === null ? [] : [changed];
  });
  // A group goes with its last condition: an empty one would hold for everybody, or for nobody.
  if (next.length === 0 && before.length > 0) return null;
  return withChildren(root, next);
}

export function append(group: Condition, added: Condition): Condition {
  return withChildren(group, [...children(group), added]);
}

/** `not` around a condition, or off it. */
export function negate(condition: Condition): Condition {
  return "not" in condition ? condition.not : { not: condition };
}

export type GroupKind = "all" | "any" | "none" | "not_all";

/** `none` is `not any`. Absent: not a group. */
export function groupKind(condition: Condition): GroupKind | null {
  if ("all" in condition) return "all";
  if ("any" in condition) return "any";
  if (!("not" in condition)) return null;
  return "any" in condition.not ? "none" : "all" in condition.not ? "not_all" : null;
}

/** The `all` or `any` that holds a group's conditions. */
export function groupBody(condition: Condition): Condition {
  return "not" in condition ? condition.not : condition;
}

/** The same conditions as another kind of group. */
export function regroup(condition: Condition, kind: GroupKind): Condition {
  const held = [...children(groupBody(condition))];
  const body: Condition = kind === "all" || kind === "not_all" ? { all: held } : { any: held };
  return kind === "all" || kind === "any" ? body : { not: body };
}

/** `condition 1.0: ...`: the condition that an error of the engine names. */
export function namedPath(message: string): string | null {
  return /\bcondition (\d+(?:\.\d+)*):/.exec(message)?.[1] ?? null;
}

/** The rest of such an error: the condition itself is marked. */
export function withoutPath(message: string): string {
  return message.replace(/\bcondition \d+(?:\.\d+)*: /, "");
}

/** Every tree is edited as a group: a lone condition stands in one. */
export function asGroup(condition: Condition | null | undefined): Condition {
  if (!condition) return { all: [] };
  return "all" in condition || "any" in condition ? condition : { all: [condition] };
}

export const OPERATORS: readonly { value: Operator; label: string }[] = [
  { value: "=", label: "is" }, { value: "!=", label: "is not" }, { value: ">", label: "is more than" }, { value: ">=", label: "is at least" },
  { value: "<", label: "is less than" }, { value: "<=", label: "is at most" }, { value: "in", label: "is one of" }, { value: "between", label: "is between" },
  { value: "contains", label: "contains" }, { value: "starts", label: "starts with" }, { value: "ends", label: "ends with" }, { value: "matches", label: "matches" },
  { value: "exists", label: "is known" }, { value: "null", label: "is unknown" },
];

export const TIMES = [
  { value: ">=", label: "at least" }, { value: "=", label: "exactly" }, { value: "<=", label: "at most" }, { value: ">", label: "more than" }, { value: "<", label: "less than" }, { value: "!=", label: "not" },
] as const;

export function takesValue(op: Operator): boolean {
  return op !== "exists" && op !== "null";
}

const NUMERIC = /INT|DOUBLE|FLOAT|DECIMAL|REAL|NUMERIC/i;
const NUMBER = /^-?\d+(\.\d+)?$/;

/** Of a list, its last item is the one being written: what stands before it is kept when another is chosen. */
export function listPrefix(text: string): string {
  const comma = text.lastIndexOf(",");
  return comma < 0 ? "" : `${text.slice(0, comma).trimEnd()}, `;
}

export function takesList(op: Operator): boolean {
  return op === "in" || op === "between";
}

/** What a person wrote as the literal that the operator compares with; by the column's type where it is known. */
export function toValue(text: string, op: Operator, dataType?: string): Value {
  if (takesList(op)) return text.split(",").map((part) => part.trim()).filter(Boolean).map((part) => single(part, dataType));
  if (op === "contains" || op === "starts" || op === "ends" || op === "matches") return text;
  return single(text, dataType);
}

function single(text: string, dataType: string | undefined): Value {
  const plain = text.trim();
  if (dataType !== undefined && /BOOL/i.test(dataType)) return plain.toLowerCase() === "true";
  const numeric = dataType === undefined || NUMERIC.test(dataType);
  return numeric && NUMBER.test(plain) ? Number(plain) : text;
}

export function fromValue(value: Value | null | undefined): string {
  if (value == null) return "";
  return Array.isArray(value) ? value.map(fromValue).join(", ") : String(value);
}

/** The same value under another operator. */
export function withOperator<C extends { op: Operator; value?: Value | null }>(condition: C, op: Operator, dataType?: string): C {
  if (!takesValue(op)) {
    const { value: _, ...rest } = condition;
    return { ...rest, op } as C;
  }
  return { ...condition, op, value: toValue(fromValue(condition.value), op, dataType) };
}
