/** What is typed into a change's form, as the change that it means. */

import type { DeleteBefore, TopicChange } from "@/bindings";
import { readTime } from "../start";

/** `retention.ms=1000` a line; a line that is no setting is named. */
export function toSettings(text: string): { settings: Record<string, string>; wrong?: string } {
  const settings: Record<string, string> = {};
  for (const line of text.split("\n").map((each) => each.trim()).filter(Boolean)) {
    const at = line.indexOf("=");
    if (at < 1) return { settings, wrong: `“${line}” is no setting: write name = value.` };
    settings[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  return { settings };
}

/** A whole number above 0; empty is null. */
export function toCount(text: string): number | null | undefined {
  if (text.trim() === "") return null;
  return /^[1-9]\d*$/.test(text.trim()) ? Number(text) : undefined;
}

export interface NewTopic {
  topic: string;
  partitions: string;
  replication: string;
  settings: string;
  /** `cluster/topic`, or empty. */
  like: string;
}

export function toCreate(form: NewTopic): { change: TopicChange | null; wrong?: string } {
  const [partitions, replication] = [toCount(form.partitions), toCount(form.replication)];
  const read = toSettings(form.settings);
  if (partitions === undefined) return { change: null, wrong: "Partitions must be a whole number." };
  if (replication === undefined) return { change: null, wrong: "Replication must be a whole number." };
  if (read.wrong !== undefined) return { change: null, wrong: read.wrong };
  if (form.topic.trim() === "") return { change: null };
  const like = toTopic(form.like);
  return { change: { kind: "create", topic: form.topic.trim(), configs: read.settings, ...(partitions !== null && { partitions }), ...(replication !== null && { replication }), ...(like && { copy_from: like }) } };
}

/** `cluster/topic`; a topic has no slash in its name. */
export function toTopic(text: string): { cluster: string; topic: string } | null {
  const at = text.lastIndexOf("/");
  return at < 1 || at === text.length - 1 ? null : { cluster: text.slice(0, at), topic: text.slice(at + 1) };
}

export type DeleteKind = "end" | "offset" | "time";

export function toBefore(kind: DeleteKind, at: string, nowMs: number): DeleteBefore | null {
  if (kind === "end") return "end";
  if (kind === "offset") return /^\d+$/.test(at.trim()) ? { offset: Number(at) } : null;
  const time = readTime(at, nowMs);
  return time === null ? null : { timestamp: time };
}
