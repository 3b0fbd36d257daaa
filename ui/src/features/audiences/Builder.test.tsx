import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import type { AudienceDefinition, Condition } from "@/bindings";
import { failures } from "@/testing/failures";
import { show, type Asked } from "@/testing/render";
import Audiences from ".";

let next = 0;
/** A new audience each time: drafts outlive their screen. */
const fresh = () => `#/audiences/new-${(next += 1)}?new=conditions`;
const previewed = (asked: Asked[]) => (asked.findLast(({ name }) => name === "audience_preview")?.request as { definition: AudienceDefinition } | undefined)?.definition.condition;

async function choose(select: string, option: string) {
  fireEvent.click(await screen.findByTestId(select));
  const item = await screen.findByTestId(`${select}-${option}`);
  // A press counts where it begins on the item.
  fireEvent.pointerDown(item, { pointerType: "mouse" });
  fireEvent.click(item);
}

test("conditions are added ready to evaluate: event, attribute, trait, audience, SQL, group", async () => {
  const asked = show(<Audiences />, fresh());
  await screen.findByTestId("builder");
  expect(screen.getByTestId<HTMLButtonElement>("audience-save").disabled).toBe(true);
  await waitFor(() => expect(asked.some(({ name }) => name === "observed_show")).toBe(true));
  for (const kind of ["performed", "attribute", "trait", "in_audience", "sql", "group"]) await choose("add-root", kind);
  await waitFor(() =>
    expect(previewed(asked)).toEqual({
      all: [
        { performed: { event: "Product Viewed", aggregate: "count", op: ">=", value: 1, window: "30 days" } },
        { attribute: { table: "crm.accounts", column: "plan", op: "=", value: "free" } },
        { trait: { name: "lifetime_value", op: ">=", value: 1 } },
        { in_audience: "loyal-pro" },
        { sql: "user_id is not null" },
        { any: [{ performed: { event: "Product Viewed", aggregate: "count", op: ">=", value: 1, window: "30 days" } }] },
      ],
    } satisfies Condition),
  );
  expect((await screen.findByTestId("size-0")).textContent).toBe("101,204");
  expect(screen.getByTestId<HTMLButtonElement>("audience-save").disabled).toBe(false);
});

test("a property is compared with an observed value, and a group may hold none of its conditions", async () => {
  const asked = show(<Audiences />, fresh());
  await waitFor(() => expect(asked.some(({ name }) => name === "observed_show")).toBe(true));
  await choose("add-root", "group");
  fireEvent.click(await screen.findByTestId("condition-0.0-where"));
  await choose("condition-0.0-where-0-operator", "in");
  fireEvent.change(screen.getByTestId("condition-0.0-where-0-compared"), { target: { value: "shoes, " } });
  expect(screen.getByTestId<HTMLInputElement>("condition-0.0-where-0-compared").value).toBe("shoes, ");
  fireEvent.change(screen.getByTestId("condition-0.0-where-0-compared"), { target: { value: "shoes, hats" } });
  await choose("group-0", "none");
  await waitFor(() => expect(previewed(asked)).toEqual({ all: [{ not: { any: [{ performed: { event: "Product Viewed", aggregate: "count", op: ">=", value: 1, window: "30 days", where: [{ property: "category", op: "in", value: ["shoes", "hats"] }] } }] } }] }));
});

test("a number may be written slowly", async () => {
  const asked = show(<Audiences />, fresh());
  await choose("add-root", "performed");
  const value = await screen.findByTestId<HTMLInputElement>("condition-0-value");
  for (const text of ["", "2", "2.", "2.5"]) {
    fireEvent.change(value, { target: { value: text } });
    expect(value.value).toBe(text);
  }
  await waitFor(() => expect(previewed(asked)).toMatchObject({ all: [{ performed: { value: 2.5 } }] }));
});

test("a draft outlives its screen, is undone and published", async () => {
  const asked = show(<Audiences />, "#/audiences/loyal-pro");
  const title = await screen.findByTestId("audience-title");
  fireEvent.change(title, { target: { value: "Loyal" } });
  expect(screen.getByTestId("draft-state").textContent).toBe("draft differs from published");
  fireEvent.click(screen.getByText("Audiences"));
  window.history.replaceState(null, "", "#/audiences/loyal-pro");
  window.dispatchEvent(new HashChangeEvent("hashchange"));
  await waitFor(() => expect(screen.getByTestId<HTMLInputElement>("audience-title").value).toBe("Loyal"));
  fireEvent.click(screen.getByTestId("audience-undo"));
  expect(screen.getByTestId("draft-state").textContent).toBe("audiences/loyal-pro.toml");
  fireEvent.click(screen.getByTestId("audience-redo"));
  fireEvent.click(screen.getByTestId("audience-save"));
  await waitFor(() => expect(asked.find(({ name }) => name === "audience_save")?.request).toMatchObject({ name: "loyal-pro", definition: { title: "Loyal" } }));
});

test("the condition that the engine refuses is marked, and its path is not read to a person", async () => {
  show(<Audiences />, "#/audiences/slipping", failures("sql"));
  const error = await screen.findByTestId("preview-error");
  expect(error.textContent).toMatch(/^Product Viewed was never seen/);
  expect(screen.getByTestId("condition-2.0").dataset["wrong"]).toBe("");
  expect(screen.getByTestId("condition-1").dataset["wrong"]).toBeUndefined();
});

test("anybody is explained, member or not", async () => {
  show(<Audiences />, "#/audiences/newsletter");
  fireEvent.click(await screen.findByTestId("audience-find"));
  fireEvent.click((await screen.findAllByTestId("find-person-entry"))[0]!);
  expect(window.location.hash).toContain("explain=1000");
  expect((await screen.findAllByTestId("explained")).length).toBeGreaterThan(1);
});
