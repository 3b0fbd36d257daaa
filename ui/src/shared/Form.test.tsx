import { fireEvent, render, screen } from "@testing-library/react";
import { useState } from "react";
import { expect, test, vi } from "vitest";
import { check, Form, type Field, type FormValues } from "./Form";

const fields: Field[] = [
  { name: "host", label: "Host", kind: "text", required: true, help: "Name or address." },
  { name: "port", label: "Port", kind: "number", min: 1, max: 65535 },
  { name: "mode", label: "Mode", kind: "choice", choices: [{ value: "upsert", label: "Upsert" }] },
];

test.each<[FormValues, Record<string, string>]>([
  [{}, { host: "Host is needed." }],
  [{ host: "  " }, { host: "Host is needed." }],
  [{ host: "a", port: 0 }, { port: "Port must be at least 1." }],
  [{ host: "a", port: 70000 }, { port: "Port must be at most 65535." }],
  [{ host: "a", port: "x" }, { port: "Port must be a number." }],
  [{ host: "a", mode: "replace" }, { mode: "Mode must be one of its choices." }],
  [{ host: "a", port: 5432, mode: "upsert" }, {}],
])("%j is wrong in %j", (values, expected) => expect(check(fields, values)).toEqual(expected));

test("tells what is missing when it is sent, and sends when nothing is", () => {
  const sent = vi.fn<(values: FormValues) => void>();
  const Page = () => {
    const [values, setValues] = useState<FormValues>({});
    return <Form fields={fields} values={values} onChange={setValues} onSubmit={() => sent(values)} />;
  };
  render(<Page />);
  expect(screen.queryByRole("alert")).toBeNull();
  fireEvent.click(screen.getByTestId("form-submit"));
  expect(screen.getByRole("alert").textContent).toBe("Host is needed.");
  expect(sent).not.toHaveBeenCalled();
  fireEvent.change(screen.getByLabelText(/Host/), { target: { value: "db" } });
  fireEvent.change(screen.getByLabelText(/Port/), { target: { value: "5432" } });
  fireEvent.click(screen.getByTestId("form-submit"));
  expect(sent).toHaveBeenCalledWith({ host: "db", port: 5432 });
});
