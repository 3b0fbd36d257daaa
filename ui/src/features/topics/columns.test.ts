import { expect, test } from "vitest";
import type { Column } from "@/bindings";
import { pickColumns } from "./columns";

const column = (name: string, data_type = "VARCHAR"): Column => ({ name, data_type, numeric: data_type === "DOUBLE" || data_type === "BIGINT" });
const names = (columns: readonly Column[]) => columns.map(({ name }) => name);

test.each<[string, Column[], string[]]>([
  [
    "events", [column("messageId"), column("type"), column("timestamp"), column("event"), column("userId"), column("context.ip"), column("context.country"), column("properties.revenue", "DOUBLE"), column("properties.order_id"), column("properties.currency")],
    ["event", "properties.revenue", "properties.currency", "context.country"],
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
