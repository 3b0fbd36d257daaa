import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { show, type Asked } from "@/testing/render";
import Clusters from ".";
import { ClusterForm } from "./ClusterForm";
import { draftOf } from "./form";
import { ImportFile } from "./ImportFile";

const type = (id: string, value: string) => fireEvent.change(screen.getByTestId(id), { target: { value } });
const of = (asked: readonly Asked[], name: string) => asked.filter((each) => each.name === name).map((each) => each.request);

test("a new cluster is tried and then written, its password apart", async () => {
  const draft = draftOf("", { kind: "kafka", color: "#112233", read_only: false, properties: { "security.protocol": "sasl_ssl", "sasl.mechanism": "SCRAM-SHA-512" }, auth: null });
  const asked = show(<ClusterForm of={{ ...draft, name: "prod" }} onClose={() => {}} />, "#/clusters");
  const save = screen.getByTestId<HTMLButtonElement>("cluster-save");
  expect(save.disabled).toBe(true);
  expect(save.title).toContain("bootstrap servers");
  type("cluster-servers", "broker:9092");
  type("cluster-field-sasl.username", "me");
  type("cluster-field-sasl.password", "hunter2");
  fireEvent.click(screen.getByTestId("more-add"));
  type("more-name-0", "client.id");
  type("more-value-0", "tests");
  fireEvent.click(screen.getByTestId("cluster-try"));
  expect((await screen.findByTestId("steps-passed")).textContent).toContain("sasl");
  fireEvent.click(screen.getByTestId("steps-all"));
  expect(screen.getByTestId("step-sasl").textContent).toContain("logged in");
  fireEvent.click(save);
  await waitFor(() => expect(of(asked, "cluster_save")).toHaveLength(1));
  expect(of(asked, "cluster_save")).toEqual(of(asked, "cluster_try"));
  expect(of(asked, "cluster_save")[0]).toMatchObject({
    name: "prod",
    definition: { properties: { "bootstrap.servers": "broker:9092", "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "me", "client.id": "tests" } },
    secrets: { "sasl.password": "hunter2" },
  });
});

test("what is refused stays in the form with its reason", async () => {
  show(<ClusterForm onClose={() => {}} />, "#/clusters", { cluster_save: { code: "cluster_exists", message: "there is a cluster \"prod\" already" } });
  type("cluster-name", "prod");
  type("cluster-servers", "broker:9092");
  fireEvent.click(screen.getByTestId("cluster-save"));
  expect((await screen.findByTestId("cluster-save-error")).textContent).toContain("already");
});

test("a dropped file shows what becomes of it, and is written once", async () => {
  const asked = show(<ImportFile file="/home/me/prod.properties" onClose={() => {}} />, "#/clusters");
  await waitFor(() => expect(screen.getByTestId("import-lines").textContent).toContain("sasl.jaas.config"));
  expect(screen.getByTestId("import-commands").textContent).toContain("keytool");
  expect(screen.getByTestId("import-toml").textContent).toContain("secret:prod.sasl.password");
  fireEvent.click(screen.getByTestId("import-action"));
  await waitFor(() => expect(of(asked, "import_run")).toEqual([{ path: "/home/me/prod.properties" }]));
});

test("a cluster is edited from its own screen", async () => {
  show(<Clusters />, "#/clusters/prod-eu");
  fireEvent.click(await screen.findByTestId("cluster-edit"));
  await waitFor(() => expect(screen.getByTestId<HTMLInputElement>("cluster-servers").value).not.toBe(""));
  expect(screen.getByTestId<HTMLInputElement>("cluster-name").disabled).toBe(true);
});
