/** An alert as it is typed, and as its file has it. */

import type { AlertDefinition, AlertStatus } from "@/bindings";
import type { Field, FormValues } from "@/shared/Form";

export interface Draft {
  name: string;
  values: FormValues;
}

const STATUSES: readonly (readonly [string, string])[] = [["", "any status"], ["err", "ERR: stalled, stopped or gone back"], ["warn", "WARN"], ["stall", "STALL"], ["stop", "STOP"], ["rewind", "REWIND"], ["warn,err", "WARN or ERR"]];

export function emptyDraft(cluster: string, group: string | undefined): Draft {
  return { name: "", values: { title: "", clusters: cluster, groups: group ?? "", lag: null, lag_time: "5 minutes", status: "", for: "5 minutes", desktop: true, url: "", headers: "", enabled: true } };
}

export function draftOf(name: string, it: AlertDefinition): Draft {
  const headers = Object.entries(it.webhook?.headers ?? {}).map(([header, value]) => `${header}: ${value}`);
  return {
    name,
    values: {
      title: it.title ?? "", clusters: it.clusters.join(", "), groups: it.groups.join(", "), lag: it.lag ?? null, lag_time: it.lag_time ?? "", status: it.status.join(","), for: it.for, desktop: it.desktop,
      url: it.webhook?.url ?? "", headers: headers.join("\n"), enabled: it.enabled,
    },
  };
}

/** The fields; of a status that the choices do not have, a choice of its own. */
export function fieldsOf(values: FormValues, create: boolean): readonly Field[] {
  const status = String(values["status"] ?? "");
  const choices = STATUSES.map(([value, label]) => ({ value, label }));
  if (!choices.some(({ value }) => value === status)) choices.push({ value: status, label: status.split(",").map((each) => each.toUpperCase()).join(" or ") });
  return [
    ...(create ? [{ name: "name", label: "Name", kind: "text", required: true, placeholder: "billing-behind", help: "It becomes alerts/NAME.toml." } satisfies Field] : []),
    { name: "title", label: "Title", kind: "text", placeholder: "Billing is behind", help: "What the notice says first." },
    { name: "clusters", label: "Clusters", kind: "text", placeholder: "all clusters, or prod, staging" },
    { name: "groups", label: "Groups", kind: "text", placeholder: "all groups, or billing-*, checkout-writer", help: "* stands for any signs." },
    { name: "lag", label: "Lag at least", kind: "number", unit: "records", min: 1 },
    { name: "lag_time", label: "Lag in time at least", kind: "text", placeholder: "5 minutes" },
    { name: "status", label: "Status", kind: "choice", choices },
    { name: "for", label: "For", kind: "text", required: true, placeholder: "5 minutes", help: "Every condition that is written has to hold for so long." },
    { name: "desktop", label: "A notice on the desktop", kind: "boolean" },
    { name: "url", label: "Webhook", kind: "text", placeholder: "https://hooks.example.org/lag, or secret:NAME", help: "Posted to as JSON, once when it fires and once when it is resolved." },
    ...(String(values["url"] ?? "").trim() === "" ? [] : [{ name: "headers", label: "Headers", kind: "multiline", placeholder: "Authorization: secret:hook-token", help: "NAME: VALUE, one a line; a value may be secret:NAME." } satisfies Field]),
    { name: "enabled", label: "Switched on", kind: "boolean" },
  ];
}

const list = (value: FormValues[string] | undefined) => String(value ?? "").split(",").map((each) => each.trim()).filter(Boolean);

/** The definition that is meant; `wrong` names the field that cannot be read. */
export function definitionOf(values: FormValues): { definition: AlertDefinition; wrong: Readonly<Record<string, string>> } {
  const text = (name: string) => String(values[name] ?? "").trim();
  const headers: Record<string, string> = {};
  const wrong: Record<string, string> = {};
  for (const line of text("headers").split("\n").filter((each) => each.trim() !== "")) {
    const [, name, value] = /^\s*([^:\s]+)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) wrong["headers"] = `“${line.trim()}” is no header: write NAME: VALUE.`;
    else headers[name] = value;
  }
  const lag = values["lag"] ?? null;
  if (lag !== null && (!Number.isInteger(Number(lag)) || Number(lag) < 1)) wrong["lag"] = "Lag must be a whole number of 1 or more.";
  if (lag === null && text("lag_time") === "" && text("status") === "") wrong["lag_time"] = "It watches for nothing: give a lag, a lag in time or a status.";
  return {
    definition: {
      title: text("title") || null, clusters: list(values["clusters"]), groups: list(values["groups"]), lag: lag === null || wrong["lag"] !== undefined ? null : Number(lag), lag_time: text("lag_time") || null,
      status: list(values["status"]) as AlertStatus[], for: text("for"), desktop: values["desktop"] === true, webhook: text("url") === "" ? null : { url: text("url"), headers }, enabled: values["enabled"] === true,
    },
    wrong,
  };
}
