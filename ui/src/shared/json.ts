/**
 * JSON as lines of a tree. Numbers keep the text they had: an id of 19 digits must not be rounded by the window.
 *
 * Values of megabytes are read here on the window's own thread: the reader goes over the text once, character by
 * character, and keeps parts of it instead of making new texts.
 */

export type Json =
  | { kind: "object"; empty: boolean; readonly entries: readonly (readonly [string, Json])[] }
  | { kind: "array"; empty: boolean; readonly items: readonly Json[] }
  | { kind: "string" | "number" | "literal"; text: string };

/** Larger texts are read as they are unfolded: what is not looked at costs one look at its brackets. */
export const WHOLE_CHARS_MAX = 256 * 1024;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** Deeper than this is shown as text, not as a tree. */
const DEPTH_MAX = 200;
const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, COLON = 0x3a, OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d, OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d;
const LITERALS: Readonly<Record<number, string>> = { 0x74: "true", 0x66: "false", 0x6e: "null" };

/**
 * The tree, or null where the text is not JSON. Of a large text only the outermost level is looked at: the engine gives
 * JSON that it has read, and what is not JSON deeper down shows as it is.
 */
export function parseJson(text: string, wholeMax = WHOLE_CHARS_MAX): Json | null {
  if (text.length > wholeMax) return lazily(text, skipSpace(text, 0), text.trimEnd().length);
  const reader = new Reader(text);
  try {
    const value = reader.value(0);
    return reader.atEnd() ? value : null;
  } catch {
    return null;
  }
}

const OPENS = new Set([OPEN_ARRAY, OPEN_OBJECT]);
const CLOSES = new Set([CLOSE_ARRAY, CLOSE_OBJECT]);

function skipSpace(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) <= 32) at += 1;
  return at;
}

/** After the string that begins here; null where it does not end. */
function stringEnd(text: string, from: number): number | null {
  for (let at = text.indexOf('"', from + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let before = at - 1;
    while (text.charCodeAt(before) === BACKSLASH) before -= 1;
    // An even number of backslashes are escapes of each other: the quote is the end.
    if ((at - before) % 2 === 1) return at + 1;
  }
  return null;
}

function skipString(text: string, from: number): number {
  return stringEnd(text, from) ?? text.length;
}

/** After the value that begins here. */
function skipValue(text: string, from: number, end: number): number {
  for (let at = from, depth = 0; at < end; ) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = skipString(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (OPENS.has(code)) depth += 1;
    else if (CLOSES.has(code)) {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (code === COMMA && depth === 0) return at;
    at += 1;
  }
  return end;
}

/** A value whose parts are found when they are asked for, and once. */
function lazily(text: string, from: number, end: number): Json | null {
  const first = text[from];
  if (first === '"') return { kind: "string", text: text.slice(from, end) };
  if (first !== "{" && first !== "[") {
    const plain = text.slice(from, end);
    return plain === "" ? null : { kind: /^[-\d]/.test(plain) ? "number" : "literal", text: plain };
  }
  let found: (readonly [string, Json])[] | undefined;
  const parts = () => (found ??= partsOf(text, from + 1, end - 1, first === "{"));
  const empty = skipSpace(text, from + 1) >= end - 1;
  return first === "{" ? { kind: "object", empty, get entries() { return parts(); } } : { kind: "array", empty, get items() { return parts().map(([, value]) => value); } };
}

function partsOf(text: string, from: number, end: number, named: boolean): (readonly [string, Json])[] {
  const out: (readonly [string, Json])[] = [];
  for (let at = skipSpace(text, from); at < end; ) {
    const name = at;
    if (named) at = skipString(text, at);
    const key = text.slice(name, at);
    if (named) {
      at = skipSpace(text, at);
      if (text.charCodeAt(at) === COLON) at = skipSpace(text, at + 1);
    }
    const after = skipValue(text, at, end);
    let last = after;
    while (last > at && text.charCodeAt(last - 1) <= 32) last -= 1;
    const value = lazily(text, at, last);
    if (value === null || after <= name) break;
    out.push([key, value]);
    at = skipSpace(text, after);
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1);
  }
  return out;
}

class Reader {
  private at = 0;
  constructor(private readonly text: string) {}

  /** The next character that is no space; NaN at the end. */
  private peek(): number {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code;
      this.at += 1;
    }
  }

  atEnd(): boolean {
    return Number.isNaN(this.peek());
  }

  private take(code: number): boolean {
    if (this.peek() !== code) return false;
    this.at += 1;
    return true;
  }

  value(depth: number): Json {
    if (depth > DEPTH_MAX) throw new SyntaxError("too deep");
    const code = this.peek();
    if (code === QUOTE) return { kind: "string", text: this.string() };
    if (code === OPEN_OBJECT) {
      const entries = this.list(CLOSE_OBJECT, () => this.entry(depth));
      return { kind: "object", empty: entries.length === 0, entries };
    }
    if (code === OPEN_ARRAY) {
      const items = this.list(CLOSE_ARRAY, () => this.value(depth + 1));
      return { kind: "array", empty: items.length === 0, items };
    }
    const literal = LITERALS[code];
    if (literal === undefined) return { kind: "number", text: this.number() };
    if (!this.text.startsWith(literal, this.at)) throw new SyntaxError("not JSON");
    this.at += literal.length;
    return { kind: "literal", text: literal };
  }

  /** With its quotes. */
  private string(): string {
    const from = this.at;
    const end = stringEnd(this.text, from);
    if (end === null) throw new SyntaxError("not JSON");
    this.at = end;
    return this.text.slice(from, end);
  }

  private number(): string {
    NUMBER.lastIndex = this.at;
    const found = NUMBER.exec(this.text)?.[0];
    if (found === undefined) throw new SyntaxError("not JSON");
    this.at += found.length;
    return found;
  }

  private entry(depth: number): readonly [string, Json] {
    if (this.peek() !== QUOTE) throw new SyntaxError("not JSON");
    const key = this.string();
    if (!this.take(COLON)) throw new SyntaxError("not JSON");
    return [key, this.value(depth + 1)];
  }

  private list<T>(close: number, item: () => T): T[] {
    const items: T[] = [];
    this.at += 1;
    if (this.take(close)) return items;
    for (;;) {
      items.push(item());
      if (this.take(close)) return items;
      if (!this.take(COMMA)) throw new SyntaxError("not JSON");
    }
  }
}

export interface Line {
  /** `$.context.page[3]`: tells lines apart, and is what a person copies. */
  path: string;
  depth: number;
  key: string | null;
  /** A value, an opened bracket, a folded one, or a closing bracket. */
  value: Json | null;
  text: string;
  state: "leaf" | "open" | "folded" | "close";
}

/** `isOpen` says whether a container at a path is unfolded. */
export function lines(root: Json, isOpen: (path: string, depth: number) => boolean): Line[] {
  const out: Line[] = [];
  const walk = (value: Json, key: string | null, path: string, depth: number) => {
    if (value.kind !== "object" && value.kind !== "array") {
      out.push({ path, depth, key, value, text: value.text, state: "leaf" });
      return;
    }
    const isObject = value.kind === "object";
    const [open, close] = isObject ? ["{", "}"] : ["[", "]"];
    if (value.empty) {
      out.push({ path, depth, key, value, text: `${open}${close}`, state: "leaf" });
      return;
    }
    if (!isOpen(path, depth)) {
      // Counted once it is seen: what is folded may be large.
      out.push({ path, depth, key, value, get text() { return `${open}${held(value)}${close}`; }, state: "folded" });
      return;
    }
    out.push({ path, depth, key, value, text: open, state: "open" });
    if (isObject) for (const [name, child] of value.entries) walk(child, name, `${path}.${unquoted(name)}`, depth + 1);
    else for (const [index, child] of value.items.entries()) walk(child, null, `${path}[${index}]`, depth + 1);
    out.push({ path: `${path}${close}`, depth, key: null, value: null, text: close, state: "close" });
  };
  walk(root, null, "$", 0);
  return out;
}

function held(value: Json): string {
  const [size, one] = value.kind === "object" ? [value.entries.length, "field"] : value.kind === "array" ? [value.items.length, "item"] : [0, ""];
  return `${size} ${one}${size === 1 ? "" : "s"}`;
}

function unquoted(name: string): string {
  const inner = name.slice(1, -1);
  return /^[\w$]+$/.test(inner) ? inner : name;
}
