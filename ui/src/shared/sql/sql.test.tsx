import { completionStatus, startCompletion } from "@codemirror/autocomplete";
import { EditorView } from "@codemirror/view";
import { Text } from "@codemirror/state";
import { act, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { useState } from "react";
import { expect, test, vi } from "vitest";
import { markedRange, SqlEditor } from "./SqlEditor";

const doc = Text.of(["select *", "from ordrs where x", ""]);
test.each([
  [2, 6, "ordrs"], [1, 8, "*"], [1, 1, "select"], [2, 99, "x"], [9, 1, ""], [0, 0, "select"],
])("line %i column %i marks %j", (line, column, expected) => {
  const { from, to } = markedRange(doc, line, column);
  expect(doc.sliceString(from, to)).toBe(expected);
});

function Filter({ onRun, seen }: { onRun: (value: string) => void; seen: (value: string) => void }) {
  const [value, setValue] = useState("where a = 1");
  return <><SqlEditor line label="Filter" value={value} onChange={(next) => { seen(next); setValue(next); }} onRun={onRun} /><button type="button" onClick={() => setValue("where b = 2")}>set</button></>;
}

test("a filter is one line, whatever is pasted, and follows its value", () => {
  const seen = vi.fn();
  render(<Filter onRun={() => {}} seen={seen} />);
  const view = EditorView.findFromDOM(screen.getByLabelText("Filter"))!;
  act(() => view.dispatch({ changes: { from: view.state.doc.length, insert: "\n  and c = 3" } }));
  expect(view.state.doc.toString()).toBe("where a = 1 and c = 3");
  expect(seen).toHaveBeenLastCalledWith("where a = 1 and c = 3");
  act(() => screen.getByText("set").click());
  expect(view.state.doc.toString()).toBe("where b = 2");
});

test("Shift Enter runs what is written", () => {
  const run = vi.fn();
  render(<Filter onRun={run} seen={() => {}} />);
  screen.getByLabelText("Filter").dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", shiftKey: true, bubbles: true }));
  expect(run).toHaveBeenCalledWith("where a = 1");
});

test("what was offered goes when the query runs", async () => {
  const run = vi.fn();
  render(<SqlEditor label="Query" value="select * from crm.acc" onChange={() => {}} onRun={run} tables={{ "crm.accounts": [{ name: "plan" }] }} />);
  const view = EditorView.findFromDOM(screen.getByLabelText("Query"))!;
  act(() => {
    view.dispatch({ selection: { anchor: view.state.doc.length } });
    startCompletion(view);
  });
  await waitFor(() => expect(completionStatus(view.state)).toBe("active"));
  fireEvent.keyDown(view.contentDOM, { key: "Enter", code: "Enter", keyCode: 13, shiftKey: true });
  expect(run).toHaveBeenCalledTimes(1);
  expect(completionStatus(view.state)).toBeNull();
});
