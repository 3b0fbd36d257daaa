/** Where a tail starts and ends. Every choice takes effect at once; a text takes effect on Enter. */

import { useState, type ReactNode } from "react";
import { Button, TextInput } from "@/shared/controls";
import { dateTime, zone } from "@/shared/format";
import { Heading } from "@/shared/layout";
import { Popover } from "@/shared/Popover";
import styles from "./Records.module.css";
import { END_HINTS, endDetail, endKind, ENDS, fromEndDetail, rangeText, readTime, START_HINTS, STARTS, toEnd, toStart, withZone, type EndKind, type StartKind } from "./start";

interface RangeProps {
  kind: StartKind;
  at: string;
  until: string;
  onStart: (kind: StartKind, at: string) => void;
  onUntil: (until: string) => void;
}

export function Range({ kind, at, until, onStart, onUntil }: RangeProps) {
  const [open, setOpen] = useState(false);
  // Chosen, but without the detail that it needs.
  const [startDraft, setStartDraft] = useState<StartKind | null>(null);
  const [endDraft, setEndDraft] = useState<EndKind | null>(null);
  const startKind = startDraft ?? kind;
  const stopKind = endDraft ?? endKind(until);
  const text = rangeText(kind, at, until);
  const change = (next: boolean) => {
    setOpen(next);
    setStartDraft(null);
    setEndDraft(null);
  };
  const start = (chosen: StartKind) => {
    if (START_HINTS[chosen] !== "") { setStartDraft(chosen); return; }
    onStart(chosen, "");
    change(false);
  };
  const end = (chosen: EndKind) => {
    if (END_HINTS[chosen] !== "") { setEndDraft(chosen); return; }
    onUntil(chosen === "end" ? "end" : "");
    change(false);
  };
  const wrong = toStart(kind, at).wrong !== undefined || "wrong" in toEnd(until);
  return (
    <Popover label={`From: ${text}`} text={`From: ${text}`} open={open} onOpenChange={change} invalid={wrong} width={380} testId="tail-from">
      <div className={styles["range"]} role="radiogroup" aria-label="Start">
        <Heading>Start</Heading>
        {STARTS.map(({ value, label, about }) => (
          <Choice key={value} label={label} about={about} chosen={value === startKind} onChoose={() => start(value)} testId={`tail-from-${value}`}>
            {value === startKind && START_HINTS[value] !== "" && (
              <Detail key={value} label={`Start: ${label.toLowerCase()}`} time={value === "time"} hint={START_HINTS[value]} value={value === kind ? at : ""} read={(written) => toStart(value, written).wrong} onDone={(written) => { onStart(value, written); change(false); }} testId="tail-at" />
            )}
          </Choice>
        ))}
      </div>
      <div className={styles["range"]} role="radiogroup" aria-label="Stop">
        <Heading>Stop</Heading>
        {ENDS.map(({ value, label, about }) => (
          <Choice key={value} label={label} about={about} chosen={value === stopKind} onChoose={() => end(value)} testId={`tail-until-${value}`}>
            {value === stopKind && END_HINTS[value] !== "" && (
              <Detail key={value} label={`Stop ${label.toLowerCase()}`} time={value === "time"} hint={END_HINTS[value]} value={endKind(until) === value ? endDetail(until) : ""} read={(written) => fromEndDetail(value, written).wrong} onDone={(written) => { onUntil(fromEndDetail(value, written).until ?? ""); change(false); }} testId="tail-until" />
            )}
          </Choice>
        ))}
      </div>
    </Popover>
  );
}

function Choice({ label, about, chosen, onChoose, children, testId }: { label: string; about: string; chosen: boolean; onChoose: () => void; children?: ReactNode; testId: string }) {
  return (
    <div>
      <button type="button" className={styles["choice"]} role="radio" aria-checked={chosen} onClick={onChoose} data-testid={testId}>
        <i aria-hidden="true" />{label} <span className="mute">{about}</span>
      </button>
      {children}
    </div>
  );
}

const AGO = [["15 min ago", 15 * 60_000], ["1 h ago", 3_600_000], ["24 h ago", 86_400_000]] as const;

interface DetailProps {
  label: string;
  hint: string;
  value: string;
  time: boolean;
  /** What is wrong with the text, if anything. */
  read: (written: string) => string | undefined;
  onDone: (written: string) => void;
  testId: string;
}

function Detail({ label, hint, value, time, read, onDone, testId }: DetailProps) {
  const [text, setText] = useState(value);
  const wrong = read(text);
  const at = time ? readTime(text, Date.now()) : null;
  return (
    <div className={styles["detail"]}>
      <div className={styles["line"]}>
        <TextInput label={label} mono autoFocus placeholder={hint} value={text} onChange={setText} aria-invalid={text !== "" && wrong !== undefined} onKeyDown={(event) => event.key === "Enter" && wrong === undefined && onDone(text.trim())} testId={testId} />
        {time && <span className="mute" title="Times are of this machine's zone">{zone()}</span>}
        <Button disabled={wrong !== undefined} onClick={() => onDone(text.trim())} testId={`${testId}-apply`}>Apply</Button>
      </div>
      {time && <div className={styles["line"]}>{AGO.map(([name, ms]) => <Button key={name} kind="quiet" onClick={() => setText(dateTime(Date.now() - ms))}>{name}</Button>)}</div>}
      {text !== "" && (wrong !== undefined ? <p className="bad">{wrong}</p> : at !== null && <p className="mute" data-testid={`${testId}-read`}>{withZone(at)}</p>)}
    </div>
  );
}
