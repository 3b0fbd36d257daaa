import { expect, test } from "vitest";
import { isTopic, sourceFrom } from "./sources";

test("a source says where its events come from", () => {
  const shop = { cluster: "prod", topic: "shop.events", enabled: true };
  expect([isTopic(shop), sourceFrom(shop)]).toEqual([true, "prod / shop.events"]);
  const web = { kind: "tracking", enabled: true, tracking: { write_key: "secret:web" } } as const;
  expect([isTopic(web), sourceFrom(web)]).toEqual([false, "tracking API"]);
});
