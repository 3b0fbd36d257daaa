/** Texts of records may be of any length: how much of one is put into the document at a time. */

import { number } from "./format";

/** Where a long text goes on; absent: it is whole. */
export interface Clipped {
  shown: string;
  /** `… 3,199,000 more characters` */
  more: string | null;
}

export function clip(text: string, max: number): Clipped {
  if (text.length <= max) return { shown: text, more: null };
  // Not between the halves of one character.
  const code = text.charCodeAt(max - 1);
  const end = code >= 0xd800 && code < 0xdc00 ? max - 1 : max;
  return { shown: text.slice(0, end), more: `… ${number(text.length - end)} more characters` };
}

/** Where each row of a text begins that is cut at its line ends and after so many characters. */
export function rowsOf(text: string, columns: number): Uint32Array {
  const starts: number[] = [];
  for (let at = 0; at < text.length; ) {
    const found = text.indexOf("\n", at);
    const end = found < 0 ? text.length : found;
    for (let row = at; row === at || row < end; ) {
      starts.push(row);
      row += columns;
      const code = text.charCodeAt(row - 1);
      if (row < end && code >= 0xd800 && code < 0xdc00) row -= 1;
    }
    at = end + 1;
  }
  return Uint32Array.from(starts);
}

/** Before the first character that differs, so that one sees where it is. */
const LEAD_CHARS = 40;

/** Two texts that differ, of which at least one is long: what is shown of each begins shortly before they do. */
export function clipPair(left: string | null, right: string | null, max: number): [string | null, string | null] {
  let same = 0;
  if (left !== null && right !== null && Math.max(left.length, right.length) > max) while (same < left.length && left[same] === right[same]) same += 1;
  const from = Math.max(0, same - LEAD_CHARS);
  const part = (text: string | null) => {
    if (text === null) return null;
    const { shown, more } = clip(text.slice(from), max);
    return [from > 0 && `${number(from)} the same …`, shown, more].filter(Boolean).join(" ");
  };
  return [part(left), part(right)];
}
