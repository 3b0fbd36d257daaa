import type { CopyPosition, RecordHeader } from "@/bindings";

/** `NAME=VALUE`, one a line; null where a line is none. */
export function toHeaders(written: string): RecordHeader[] | null {
  const lines = written.split("\n").filter((line) => line.trim() !== "");
  const headers = lines.map((line): RecordHeader | null => {
    const at = line.indexOf("=");
    return at < 1 ? null : { name: line.slice(0, at).trim(), value: line.slice(at + 1) };
  });
  return headers.some((header) => header === null) ? null : headers.filter((header) => header !== null);
}

/** `0:120,1:98`, as an interrupted copy says; null where it is something else. */
export function toPositions(written: string): CopyPosition[] | null {
  const parts = written.split(",").map((part) => /^\s*(\d+)\s*:\s*(\d+)\s*$/.exec(part));
  if (parts.some((part) => part === null)) return null;
  return parts.map((part) => ({ partition: Number(part?.[1]), offset: Number(part?.[2]) }));
}
