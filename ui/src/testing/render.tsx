import { QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import type { ReactNode } from "react";
import { newQueryClient, setTransport } from "@/platform";
import { fixture, type Failures } from "./fixture";

export interface Asked {
  name: string;
  request: unknown;
}

/** Shows a part of the window on the made-up engine, at an address. Answers what it asked of the engine so far. */
export function show(what: ReactNode, hash: string, failures?: Failures): Asked[] {
  const asked: Asked[] = [];
  const engine = fixture(failures);
  setTransport({ ...engine, call: (name, request) => (asked.push({ name, request }), engine.call(name, request)) });
  window.localStorage.clear();
  window.history.replaceState(null, "", hash);
  render(<QueryClientProvider client={newQueryClient()}>{what}</QueryClientProvider>);
  return asked;
}
