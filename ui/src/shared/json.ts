/**
 * JSON as lines of a tree. Numbers keep the text they had: an id of 19 digits must not be rounded by the window.
 *
 * Values of megabytes are read here on the window's own thread: the reader goes over the text once, character by
 * character, and keeps parts of it instead of making new texts.
 */

export type Json =
  | { kind: "object"; entries: readonly (readonly [string, Json])[] }
  | { kind: "array"; items: readonly Json[] }
  | { kind: "string" | "number" | "literal"; text: string };

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** Deeper than this is shown as text, not as a tree. */
const DEPTH_MAX = 200;
const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, COLON = 0x3a, OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d, OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d;
const LITERALS: Readonly<Record<number, string>> = { 0x74: "true", 0x66: "false", 0x6e: "null" };

/** The tree, or null where the text is not JSON. */
export function parseJson(text: string): Json | null {
  const reader = new Reader(text);
  try {
    const value = reader.value(0);
    return reader.atEnd() ? value : null;
  } catch {
    return null;
  }
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
    if (code === OPEN_OBJECT) return { kind: "object", entries: this.list(CLOSE_OBJECT, () => this.entry(depth)) };
    if (code === OPEN_ARRAY) return { kind: "array", items: this.list(CLOSE_ARRAY, () => this.value(depth + 1)) };
    const literal = LITERALS[code];
    if (literal === undefined) return { kind: "number", text: this.number() };
    if (!this.text.startsWith(literal, this.at)) throw new SyntaxError("not JSON");
    this.at += literal.length;
    return { kind: "literal", text: literal };
  }

  /** With its quotes. */
  private string(): string {
    const from = this.at;
    for (let to = from + 1; ; to += 1) {
      to = this.text.indexOf('"', to);
      if (to < 0) throw new SyntaxError("not JSON");
      let before = to;
      while (this.text.charCodeAt(before - 1) === BACKSLASH) before -= 1;
      // An even number of backslashes are escapes of each other: the quote is the end.
      if ((to - before) % 2 === 1) continue;
      this.at = to + 1;
      return this.text.slice(from, this.at);
    }
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
    const size = isObject ? value.entries.length : value.items.length;
    const [open, close] = isObject ? ["{", "}"] : ["[", "]"];
    if (size === 0 || !isOpen(path, depth)) {
      const what = isObject ? (size === 1 ? "field" : "fields") : size === 1 ? "item" : "items";
      out.push({ path, depth, key, value, text: size === 0 ? `${open}${close}` : `${open}${size} ${what}${close}`, state: size === 0 ? "leaf" : "folded" });
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

function unquoted(name: string): string {
  const inner = name.slice(1, -1);
  return /^[\w$]+$/.test(inner) ? inner : name;
}
