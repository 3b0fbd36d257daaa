import { expect, test } from "vitest";
import { sanitize } from "./svg";

const svg = (inner: string, attributes = "") => `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 10 10" ${attributes}>${inner}</svg>`;
const html = (text: string) => sanitize(text)?.outerHTML ?? null;

test("shapes, words and their colours stay", () => {
  const kept = html(svg('<polyline points="0,0 1,1" fill="none" stroke="#3ec6a8"/><text x="1" y="2" text-anchor="end">3 M</text>'));
  expect(kept).toContain('points="0,0 1,1"');
  expect(kept).toContain('stroke="#3ec6a8"');
  expect(kept).toContain(">3 M</text>");
});

test.each([
  ["script", "<script>alert(1)</script>"],
  ["foreignObject", "<foreignObject><b xmlns='http://www.w3.org/1999/xhtml' onclick='x()'>b</b></foreignObject>"],
  ["onload", '<rect onload="x()" width="1"/>'],
  ["href", '<a xlink:href="javascript:x()"><rect/></a>'],
  ["image", '<image href="http://example.org/x.png"/>'],
  ["style", "<style>@import url(http://example.org)</style>"],
  ["use", '<use href="#x"/>'],
  ["http", '<rect fill="url(http://example.org/#p)"/>'],
])("%s is taken out", (what, inner) => expect(html(svg(inner, 'onload="x()"'))).not.toMatch(new RegExp(`${what}|x\\(\\)|alert|example`)));

test("a reference into the drawing stays", () => expect(html(svg('<rect fill="url(#a)"/>'))).toContain("url(#a)"));
test.each(["", "not svg", "<html></html>", "<svg>", '<svg xmlns="http://www.w3.org/2000/svg"><g></svg>'])("%j is no chart", (text) => expect(sanitize(text)).toBeNull());
