/** How a screen is laid out: bars, tabs, panes, cards, and the states of a place with nothing to show. */

import { Tabs as BaseTabs } from "@base-ui/react/tabs";
import { useCallback, useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from "react";
import { Button } from "./controls";
import { cx } from "./cx";
import { advice, told, toAppError } from "./errors";
import styles from "./layout.module.css";
import { isTyping } from "./shortcuts";

export function Screen({ children, testId }: { children: ReactNode; testId: string }) {
  return <div className={styles["screen"]} data-testid={testId}>{children}</div>;
}

/** The 44 px strip at the top of a screen or a part of it: title, quiet facts, actions on the right. */
export function Bar({ title, sub, badge, actions, children, level = 1, testId }: { title?: ReactNode; sub?: ReactNode; badge?: ReactNode; actions?: ReactNode; children?: ReactNode; level?: 1 | 2; testId?: string }) {
  const Title = level === 1 ? "h1" : "h2";
  return (
    <div className={styles["bar"]} data-testid={testId}>
      {title !== undefined && <Title>{title}</Title>}
      {badge}
      {sub !== undefined && <span className={styles["sub"]}>{sub}</span>}
      {children}
      {actions !== undefined && (
        <>
          <span className={styles["space"]} />
          {actions}
        </>
      )}
    </div>
  );
}

export interface TabItem {
  id: string;
  label: string;
  /** Beside the label: `Groups 4`, `Config 3 changed`. */
  note?: ReactNode;
}

/** Tabs with their panel. The panel fills what is left of the screen. */
export function Tabs({ label, value, onChange, tabs, children, testId = "tabs" }: { label: string; value: string; onChange: (id: string) => void; tabs: readonly TabItem[]; children: ReactNode; testId?: string }) {
  return (
    <BaseTabs.Root className={styles["tabs"]} value={value} onValueChange={(next) => onChange(String(next))}>
      <BaseTabs.List className={styles["tabList"]} aria-label={label}>
        {tabs.map((tab) => (
          <BaseTabs.Tab key={tab.id} value={tab.id} className={styles["tab"]} data-testid={`${testId}-${tab.id}`}>
            {tab.label}
            {tab.note !== undefined && <> {tab.note}</>}
          </BaseTabs.Tab>
        ))}
      </BaseTabs.List>
      <BaseTabs.Panel className={styles["panel"]} value={value}>{children}</BaseTabs.Panel>
    </BaseTabs.Root>
  );
}

export function Card({ title, children, className, testId }: { title?: ReactNode; children: ReactNode; className?: string; testId?: string }) {
  return (
    <div className={cx(styles["card"], className)} data-testid={testId}>
      {title !== undefined && <div className="mute">{title}</div>}
      {children}
    </div>
  );
}

/** One figure with its name, and what changed. */
export function Stat({ label, value, note, tone, age, testId }: { label: string; value: ReactNode; note?: ReactNode; tone?: "accent" | "warn" | "bad" | "mute"; age?: ReactNode; testId?: string }) {
  return (
    <div className={cx(styles["card"], styles["stat"])} data-testid={testId}>
      <div className="mute">{label}</div>
      <div className={styles["value"]}>{value}</div>
      {note !== undefined && <div className={tone ?? "mute"}>{note}</div>}
      {age !== undefined && <div className={styles["age"]}>{age}</div>}
    </div>
  );
}

export function Heading({ children }: { children: ReactNode }) {
  return <h3 className={styles["heading"]}>{children}</h3>;
}

/** Names and values, one a line. */
export function Facts({ items }: { items: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className={styles["facts"]}>
      {items.map(([name, value], index) => [<dt key={`${index}-name`} title={name}>{name}</dt>, <dd key={index}>{value}</dd>])}
    </dl>
  );
}

export function Progress({ label, done, total }: { label: string; done: number; total: number | null }) {
  const share = total === null || total === 0 ? null : Math.min(1, done / total);
  return (
    <div className={styles["progress"]} role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={1} {...(share !== null && { "aria-valuenow": share })}>
      <i style={{ width: `${(share ?? 0.15) * 100}%` }} />
    </div>
  );
}

export interface SplitProps {
  /** Names the handle and keeps its size on this machine. */
  id: string;
  direction?: "columns" | "rows";
  /** Size of the second pane in px. */
  initial: number;
  min?: number;
  max?: number;
  first: ReactNode;
  /** Absent: the first pane has everything. */
  second: ReactNode | null;
  /** Closes the second pane. What has the focus then is the table in the first one. */
  onEscape?: (() => void) | undefined;
}

const SPLIT_STEP = 16;

export function Split({ id, direction = "columns", initial, min = 200, max = 900, first, second, onEscape }: SplitProps) {
  const key = `tailrace.split.${id}`;
  const [size, setSize] = useState(() => clamp(Number(window.localStorage.getItem(key)) || initial, min, max));
  const frame = useRef<HTMLDivElement>(null);
  const [dragging, setDragging] = useState(false);
  const change = useCallback(
    (next: number) => {
      const box = frame.current?.getBoundingClientRect();
      const room = box ? (direction === "columns" ? box.width : box.height) - 160 : max;
      const kept = clamp(Math.round(next), min, Math.max(min, Math.min(max, room)));
      setSize(kept);
      window.localStorage.setItem(key, String(kept));
    },
    [direction, key, max, min],
  );
  const onMove = (event: PointerEvent) => {
    const box = frame.current?.getBoundingClientRect();
    if (!dragging || !box) return;
    change(direction === "columns" ? box.right - event.clientX : box.bottom - event.clientY);
  };
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowLeft: SPLIT_STEP, ArrowUp: SPLIT_STEP, ArrowRight: -SPLIT_STEP, ArrowDown: -SPLIT_STEP }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    change(size + step);
  };
  const onEscapeKey = (event: KeyboardEvent) => {
    // What floats above the page closes itself; in a field the key is the field's.
    if (event.key !== "Escape" || !onEscape || isTyping(event.target) || !(event.target instanceof Node) || !frame.current?.contains(event.target)) return;
    onEscape();
    frame.current.querySelector<HTMLElement>("[role=grid]")?.focus();
  };
  return (
    <div className={styles["split"]} data-direction={direction} ref={frame} onKeyDown={onEscapeKey}>
      <div className={styles["first"]}>{first}</div>
      {second !== null && (
        <>
          <div
            className={styles["handle"]}
            role="separator"
            aria-label={`Size of ${id}`}
            aria-orientation={direction === "columns" ? "vertical" : "horizontal"}
            aria-valuenow={size}
            aria-valuemin={min}
            aria-valuemax={max}
            tabIndex={0}
            data-dragging={dragging ? "" : undefined}
            onKeyDown={onKey}
            onPointerDown={(event) => {
              event.currentTarget.setPointerCapture(event.pointerId);
              setDragging(true);
            }}
            onPointerMove={onMove}
            onPointerUp={() => setDragging(false)}
            onDoubleClick={() => change(initial)}
          />
          <div className={styles["second"]} style={direction === "columns" ? { width: size } : { height: size }}>{second}</div>
        </>
      )}
    </div>
  );
}

export function Pane({ children, testId }: { children: ReactNode; testId?: string }) {
  return <div className={styles["pane"]} data-testid={testId}>{children}</div>;
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}

/** Nothing to show: says why and what to do about it. */
export function EmptyState({ title, children, actions, testId = "empty" }: { title: string; children?: ReactNode; actions?: ReactNode; testId?: string }) {
  return (
    <div className={styles["state"]} data-testid={testId}>
      <h2>{title}</h2>
      {children !== undefined && <p>{children}</p>}
      {actions !== undefined && <div className={styles["actions"]}>{actions}</div>}
    </div>
  );
}

/** A failure that leaves a place empty. Says what, the code for a search or a report, and what to do. */
export function ErrorState({ error, onRetry, actions, testId = "error" }: { error: unknown; onRetry?: (() => void) | undefined; actions?: ReactNode; testId?: string }) {
  const known = toAppError(error);
  return (
    <div className={styles["state"]} role="alert" data-testid={testId} data-code={known.code}>
      <h2 className="bad">{TITLES[known.domain]}</h2>
      <p data-selectable="" style={{ color: "var(--ink)" }}>{told(known)}</p>
      <p>{advice(known)}</p>
      <code data-selectable="">{known.code}{place(known.position)}</code>
      <div className={styles["actions"]}>
        {onRetry !== undefined && <Button onClick={onRetry} testId={`${testId}-retry`}>Try again</Button>}
        {actions}
      </div>
    </div>
  );
}

const TITLES = { user: "This cannot be done as it stands", external: "Another system failed", internal: "Tailrace failed" } as const;

function place(position: { file?: string | null; line: number; column: number } | null | undefined): string {
  if (!position) return "";
  return ` · ${position.file == null ? "line " : `${position.file}:`}${position.line}:${position.column}`;
}

/** A failure beside something that is still there. */
export function ErrorNote({ error, testId = "error-note" }: { error: unknown; testId?: string }) {
  const known = toAppError(error);
  return (
    <div className={styles["note"]} role="alert" data-testid={testId} data-code={known.code}>
      <span data-selectable="" style={{ flex: "1 1 360px" }}>{told(known)}</span>
      <code data-selectable="">{known.code}{place(known.position)}</code>
    </div>
  );
}

export function Loading({ label = "Loading" }: { label?: string }) {
  return (
    <div className={cx(styles["state"], styles["loading"])} role="status" data-testid="loading">{label}…</div>
  );
}
