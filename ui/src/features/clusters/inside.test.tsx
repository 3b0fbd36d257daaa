import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { show } from "@/testing/render";
import { Inside } from "./Inside";
import { limitText } from "./Quotas";

test("brokers, access rules and quotas of a cluster", async () => {
  const asked = show(<Inside cluster="prod-eu" />, "#/clusters/prod-eu");
  const brokers = await screen.findByTestId("brokers");
  await waitFor(() => expect(within(brokers).getAllByTestId("row")).toHaveLength(3));
  expect(within(brokers).getAllByTestId("controller")).toHaveLength(1);
  fireEvent.click(within(brokers).getAllByTestId("row")[0]!);
  expect(await screen.findByTestId("broker-config")).toBeTruthy();
  expect(asked.find(({ name }) => name === "broker_config")?.request).toEqual({ cluster: "prod-eu", broker: 1 });
  fireEvent.click(screen.getByTestId("broker-close"));
  fireEvent.click(screen.getByTestId("inside-acls"));
  const acls = await screen.findByTestId("acls");
  await waitFor(() => expect(within(acls).getAllByTestId("row")).toHaveLength(2));
  fireEvent.change(await screen.findByTestId("acls-search"), { target: { value: "billing deny" } });
  await waitFor(() => expect(within(acls).getAllByTestId("row")).toHaveLength(1));
  fireEvent.click(screen.getByTestId("inside-quotas"));
  await waitFor(() => expect(screen.getByTestId("quotas").textContent).toContain("producer byte rate 1"));
});

test("without an authorizer it says so", async () => {
  show(<Inside cluster="sandbox" />, "#/clusters/sandbox", { acl_list: { code: "no_authorizer", message: "no access rules" } });
  fireEvent.click(await screen.findByTestId("inside-acls"));
  expect((await screen.findByTestId("error")).dataset["code"]).toBe("no_authorizer");
});

test("limits read well", () => {
  expect(limitText({ name: "request_percentage", value: 25 })).toBe("request percentage 25.0 %");
  expect(limitText({ name: "connection_creation_rate", value: 10 })).toBe("connection creation rate 10");
});
