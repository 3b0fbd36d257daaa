/**
 * The editor of SQL: one line for a filter, many for a query. Completes tables and columns, marks where an error lies,
 * runs on Shift Enter (and on Enter where there is one line).
 */

import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, closeCompletion, completionKeymap, completionStatus, moveCompletionSelection, selectedCompletion } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { sql, type SQLNamespace } from "@codemirror/lang-sql";
import { bracketMatching, syntaxHighlighting } from "@codemirror/language";
import { setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, Prec, type Extension, type Text } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { useEffect, useLayoutEffect, useRef } from "react";
import { cx } from "../cx";
import { told, type AppError } from "../errors";
import { NONCE } from "../nonce";
import { DIALECT } from "./dialect";
import styles from "./SqlEditor.module.css";
import { highlight, multiLine, singleLine } from "./theme";

export interface SqlColumn {
  name: string;
  /** Beside the name in the list: `VARCHAR`. */
  type?: string;
}

/** Tables (dotted names are nested) with their columns. */
export type SqlTables = Readonly<Record<string, readonly SqlColumn[]>>;

export interface SqlEditorProps {
  /** Spoken name. */
  label: string;
  value: string;
  onChange: (value: string) => void;
  onRun?: (value: string) => void;
  /** One line, for a filter. */
  line?: boolean;
  /** Without its own border, where its place has one. */
  bare?: boolean;
  tables?: SqlTables;
  /** Whose columns complete without a table's name: what a filter filters. */
  defaultTable?: string;
  /** Marked at its position, if it has one. */
  error?: AppError | null;
  placeholder?: string;
  readOnly?: boolean;
  autoFocus?: boolean;
  /** `/` moves here. */
  search?: boolean;
  testId?: string;
}

/** Tab indents where there are many lines. */
const LEAVING = "Escape, then Tab, leaves the editor.";

export function SqlEditor(props: SqlEditorProps) {
  const { label, value, line = false, bare = false, tables, defaultTable, error = null, readOnly = false, search = false, testId = "sql" } = props;
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(props);
  useLayoutEffect(() => {
    latest.current = props;
  });
  const language = useRef(new Compartment());

  useLayoutEffect(() => {
    if (!place.current) return;
    const editor = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: latest.current.value,
        extensions: [
          keys(line, () => latest.current),
          line ? oneLine : manyLines,
          common,
          EditorState.readOnly.of(readOnly),
          EditorView.cspNonce.of(NONCE),
          EditorView.contentAttributes.of({ "aria-label": label, "data-testid": `${testId}-input`, ...(!line && !readOnly && { "aria-description": LEAVING }) }),
          placeholder(latest.current.placeholder ?? ""),
          language.current.of(dialect(latest.current.tables, latest.current.defaultTable)),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    if (latest.current.autoFocus) editor.focus();
    return () => {
      view.current = null;
      editor.destroy();
    };
  }, [line, readOnly, label, testId]);

  // The value is the caller's: what it sets from outside replaces the text, what was typed is there already.
  useLayoutEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== value) {
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: line ? value.replace(/\s*\n\s*/g, " ") : value } });
    }
  }, [value, line]);

  useEffect(() => {
    view.current?.dispatch({ effects: language.current.reconfigure(dialect(tables, defaultTable)) });
  }, [tables, defaultTable]);

  useEffect(() => {
    const editor = view.current;
    if (editor) editor.dispatch(setDiagnostics(editor.state, error?.position ? [diagnostic(editor.state.doc, error)] : []));
  }, [error]);

  return (
    <div className={cx(styles["editor"], line ? styles["line"] : styles["fill"], bare && styles["bare"])} data-testid={testId} data-invalid={error === null ? undefined : ""} data-search={search ? "" : undefined}>
      <div ref={place} />
    </div>
  );
}

const common: Extension = [
  history(),
  drawSelection(),
  bracketMatching(),
  closeBrackets(),
  // Enter ends the line: it takes a completion only when one was chosen.
  autocompletion({ icons: false, maxRenderedOptions: 50, selectOnOpen: false }),
  syntaxHighlighting(highlight),
];

const manyLines: Extension = [
  multiLine,
  lineNumbers(),
  highlightActiveLine(),
  highlightSelectionMatches(),
  EditorView.lineWrapping,
  keymap.of([...closeBracketsKeymap, ...completionKeymap, ...defaultKeymap, ...historyKeymap, ...searchKeymap, indentWithTab]),
];

const oneLine: Extension = [
  singleLine,
  // Pasted text may have lines; a filter has one.
  EditorState.transactionFilter.of((transaction) => {
    if (!transaction.docChanged || transaction.newDoc.lines === 1) return transaction;
    const text = transaction.newDoc.toString().replace(/\s*\n\s*/g, " ");
    return [{ changes: { from: 0, to: transaction.startState.doc.length, insert: text }, selection: { anchor: text.length } }];
  }),
  keymap.of([...closeBracketsKeymap, ...completionKeymap, ...defaultKeymap, ...historyKeymap]),
];

function keys(line: boolean, props: () => SqlEditorProps): Extension {
  const run = (editor: EditorView) => {
    const { onRun } = props();
    if (!onRun) return false;
    // What was being completed is no longer asked for: it would lie over what was run.
    closeCompletion(editor);
    onRun(editor.state.doc.toString());
    return true;
  };
  const own = [{ key: "Shift-Enter", run }, { key: "Mod-Enter", run }];
  // Tab takes the first completion that is offered.
  own.push({ key: "Tab", run: (editor) => completionStatus(editor.state) === "active" && selectedCompletion(editor.state) === null && moveCompletionSelection(true)(editor) && acceptCompletion(editor) });
  own.push({ key: "Tab", run: (editor) => selectedCompletion(editor.state) !== null && acceptCompletion(editor) });
  // Enter takes the completion that was chosen; without one it runs the line.
  if (line) own.push({ key: "Enter", run: (editor) => (selectedCompletion(editor.state) !== null ? false : run(editor) || true) });
  return Prec.highest(keymap.of(own));
}

function dialect(tables: SqlTables | undefined, defaultTable: string | undefined): Extension {
  const schema: Record<string, SQLNamespace> = {};
  for (const [table, columns] of Object.entries(tables ?? {})) {
    schema[table] = columns.map(({ name, type }) => ({ label: name, type: "property", ...(type !== undefined && { detail: type }) }));
  }
  return sql({ dialect: DIALECT, schema, upperCaseKeywords: false, ...(defaultTable !== undefined && { defaultTable }) });
}

function diagnostic(doc: Text, error: AppError): { from: number; to: number; severity: "error"; message: string } {
  const { from, to } = markedRange(doc, error.position?.line ?? 1, error.position?.column ?? 1);
  return { from, to, severity: "error", message: told(error) };
}

/** The word at a position; one character where there is none. Positions outside the text are brought inside. */
export function markedRange(doc: Text, line: number, column: number): { from: number; to: number } {
  const at = doc.line(Math.min(Math.max(1, line), doc.lines));
  const start = Math.min(Math.max(0, column - 1), at.length);
  const word = /^[\w.$]+/.exec(at.text.slice(start))?.[0].length ?? 1;
  const from = at.from + Math.min(start, Math.max(0, at.length - 1));
  return { from, to: Math.min(from + word, at.to) };
}

/** SQL that is read, not written. */
export function SqlText({ value, label = "SQL", testId = "sql-text" }: { value: string; label?: string; testId?: string }) {
  return <SqlEditor label={label} value={value} onChange={ignore} readOnly testId={testId} />;
}

function ignore(): void {
  // What is read only does not change.
}
