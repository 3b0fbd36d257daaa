/** Signs of one line: a browser lays out no longer ones in good time. */
export const LINE_CHARS_MAX = 400;

/** The lines of a text, each divided where it is too long; put together they are the text. */
export function divided(text: string, charsMax = LINE_CHARS_MAX): string[] {
  const out: string[] = [];
  for (let from = 0; from <= text.length; ) {
    const found = text.indexOf("\n", from);
    const end = found === -1 ? text.length : found;
    do {
      let to = Math.min(end, from + charsMax);
      // A pair of halves that are one sign stays together.
      if (to < end && (text.charCodeAt(to) & 0xfc00) === 0xdc00) to -= 1;
      out.push(text.slice(from, to));
      from = to;
    } while (from < end);
    from = end + 1;
  }
  return out;
}
