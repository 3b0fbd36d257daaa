import { expect, test } from "vitest";
import { search, type PaletteEntry } from "./palette";

const entry = (title: string, group = "Topics", hint?: string): PaletteEntry => ({ id: title, title, group, hint, run() {} });
const all = [entry("shop.events"), entry("reshop"), entry("Topics", "Screens"), entry("web.shop"), entry("fraud", "Groups", "stopped")];
const titles = (query: string, max = 10) => search(all, query, max).map((found) => found.title);

test("starts first, then starts of words, then the rest", () => expect(titles("shop")).toEqual(["shop.events", "web.shop", "reshop"]));
test("every word counts, in title, group or hint", () => expect(titles("fraud stopped")).toEqual(["fraud"]));
test("nothing asked offers everything in order", () => expect(titles("")).toEqual(all.map((e) => e.title)));
test("the number of results has a limit", () => expect(titles("", 2)).toEqual(["shop.events", "reshop"]));
test("signs of regular expressions are plain text", () => expect(titles("shop(")).toEqual([]));
