/**
 * JSON as lines of a tree. Numbers keep the text they had: an id of 19 digits must not be rounded by the window.
 */

export type Json =
  | { kind: "object"; entries: readonly (readonly [string, Json])[] }
  | { kind: "array"; items: readonly Json[] }
  | { kind: "string" | "number" | "literal"; text: string };

const TOKEN = /\s*(?:([{}[\],:])|("(?:[^"\\]|\\.)*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null))/y;
/** Deeper than this is shown as text, not as a tree. */
const DEPTH_MAX = 200;

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

  atEnd(): boolean {
    return this.text.slice(this.at).trim() === "";
  }

  private next(): RegExpExecArray {
    TOKEN.lastIndex = this.at;
    const match = TOKEN.exec(this.text);
    if (!match) throw new SyntaxError("not JSON");
    this.at = TOKEN.lastIndex;
    return match;
  }

  private peek(): string | undefined {
    const before = this.at;
    const sign = this.next()[1];
    this.at = before;
    return sign;
  }

  value(depth: number): Json {
    if (depth > DEPTH_MAX) throw new SyntaxError("too deep");
    const [, sign, string, number, literal] = this.next();
    if (string !== undefined) return { kind: "string", text: string };
    if (number !== undefined) return { kind: "number", text: number };
    if (literal !== undefined) return { kind: "literal", text: literal };
    if (sign === "{") return { kind: "object", entries: this.list("}", () => this.entry(depth)) };
    if (sign === "[") return { kind: "array", items: this.list("]", () => this.value(depth + 1)) };
    throw new SyntaxError("not JSON");
  }

  private entry(depth: number): readonly [string, Json] {
    const key = this.next()[2];
    if (key === undefined || this.next()[1] !== ":") throw new SyntaxError("not JSON");
    return [key, this.value(depth + 1)];
  }

  private list<T>(close: string, item: () => T): T[] {
    const items: T[] = [];
    if (this.peek() === close) {
      this.next();
      return items;
    }
    for (;;) {
      items.push(item());
      const sign = this.next()[1];
      if (sign === close) return items;
      if (sign !== ",") throw new SyntaxError("not JSON");
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
