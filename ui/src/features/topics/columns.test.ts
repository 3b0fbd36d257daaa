import { expect, test } from "vitest";
import type { Column } from "@/bindings";
import { fieldTitles, fitting, pickColumns } from "./columns";

const column = (name: string, data_type = "VARCHAR"): Column => ({ name, data_type, numeric: data_type === "DOUBLE" || data_type === "BIGINT" });
const names = (columns: readonly Column[]) => columns.map(({ name }) => name);

test.each<[string, Column[], string[]]>([
  [
    "events", [column("messageId"), column("type"), column("timestamp"), column("event"), column("userId"), column("context.ip"), column("context.country"), column("properties.revenue", "DOUBLE"), column("properties.order_id"), column("properties.currency")],
    ["event", "properties.revenue", "properties.currency", "userId"],
  ],
  [
    "a shop's events", [column("event"), column("context.library.name"), column("properties.name"), column("traits.name"), column("properties.price", "DOUBLE"), column("properties.category"), column("originalTimestamp")],
    ["event", "properties.price", "properties.name", "properties.category"],
  ],
  ["clicks", [column("anonymous_id"), column("path"), column("referrer"), column("device"), column("country"), column("at")], ["path", "device", "country"]],
  ["rows", [column("id", "BIGINT"), column("status"), column("amount", "DOUBLE"), column("updated_at"), column("lines", "LIST")], ["status", "amount"]],
  ["nothing that tells", [column("id"), column("ts")], []],
])("of %s", (_, found, expected) => expect(names(pickColumns(found, []))).toEqual(expected));

test("a column that is shown keeps its place when others are found", () => {
  const shown = ["context.country", "event"];
  const found = [column("event"), column("properties.revenue", "DOUBLE"), column("context.country"), column("name"), column("status")];
  expect(names(pickColumns(found, shown))).toEqual(["context.country", "event", "name", "status"]);
});

test("fields of one name come last, and are told apart by their paths", () => {
  const found = [column("context.library.name"), column("context.campaign.name"), column("properties.name"), column("traits.name"), column("event")];
  const picked = names(pickColumns(found, []));
  expect(picked).toEqual(["event", "properties.name", "traits.name", "context.campaign.name"]);
  expect(fieldTitles(picked)).toEqual(["event", "properties.name", "traits.name", "campaign.name"]);
});

test.each<[string[], string[]]>([
  [["event", "properties.revenue"], ["event", "revenue"]],
  [["name", "properties.name"], ["name", "properties.name"]],
  [["context.a.x.name", "context.b.x.name"], ["a…name", "b…name"]],
])("titles of %j", (paths, titles) => expect(fieldTitles(paths)).toEqual(titles));

test("columns give way to the value, what tells least first", () => {
  const fields = [column("context.country"), column("event"), column("properties.revenue", "DOUBLE"), column("properties.total", "DOUBLE")];
  expect(names(fitting(fields, 0))).toEqual(names(fields));
  expect(names(fitting(fields, 1400))).toEqual(names(fields));
  expect(names(fitting(fields, 800))).toEqual(["event", "properties.revenue"]);
  expect(names(fitting(fields, 300))).toEqual(["event"]);
});
