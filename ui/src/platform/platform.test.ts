import { afterEach, expect, test, vi } from "vitest";
import type { Revision } from "@/bindings";
import { call, setTransport, subscribe, type Transport } from ".";
import { NO_TRANSPORT } from "./transport";

afterEach(() => setTransport(NO_TRANSPORT));

test("without an engine a call says so", async () => {
  setTransport(NO_TRANSPORT);
  await expect(call("cluster_list", {})).rejects.toMatchObject({ cause: { code: "not_in_the_app", domain: "internal" } });
});

test("the name and the request go out as they are", async () => {
  const spy = vi.fn(() => Promise.resolve([]));
  setTransport({ ...NO_TRANSPORT, call: spy });
  await call("topic_list", { cluster: "prod" });
  expect(spy).toHaveBeenCalledWith("topic_list", { cluster: "prod" });
});

function manual() {
  let ready: (stop: () => void) => void = () => {};
  let send: (revision: Revision) => void = () => {};
  const stop = vi.fn();
  const transport: Transport = {
    ...NO_TRANSPORT,
    subscribe: (_, onRevision) => {
      send = onRevision;
      return new Promise((resolve) => (ready = resolve));
    },
  };
  return { transport, stop, ready: () => ready(stop), send: (revision: number) => send({ revision, total: 0 }) };
}

test("a subscription ended before it stood is still ended, and says nothing more", async () => {
  const engine = manual();
  setTransport(engine.transport);
  const seen = vi.fn();
  const end = subscribe("lag", seen);
  end();
  engine.ready();
  engine.send(1);
  await vi.waitFor(() => expect(engine.stop).toHaveBeenCalledTimes(1));
  expect(seen).not.toHaveBeenCalled();
});

test("revisions arrive until the end", async () => {
  const engine = manual();
  setTransport(engine.transport);
  const seen = vi.fn();
  const end = subscribe({ view: 7 }, seen);
  engine.ready();
  engine.send(1);
  await Promise.resolve();
  end();
  engine.send(2);
  expect(seen.mock.calls).toEqual([[{ revision: 1, total: 0 }]]);
  expect(engine.stop).toHaveBeenCalledTimes(1);
});

test("a refused subscription is told", async () => {
  setTransport(NO_TRANSPORT);
  const failed = vi.fn();
  subscribe("lag", () => {}, failed);
  await vi.waitFor(() => expect(failed).toHaveBeenCalledTimes(1));
});
