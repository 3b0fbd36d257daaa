import { useMemo } from "react";
import type { ObservedEvent, ObservedProperty } from "@/bindings";
import { Button } from "@/shared/controls";
import { compact, count, number, percent } from "@/shared/format";
import { Bar, EmptyState, Pane, Split } from "@/shared/layout";
import { navigate, path, useQueryParam } from "@/shared/router";
import { Table, type Column } from "@/shared/table";
import styles from "./events.module.css";

interface ObservedProps {
  observed: readonly ObservedEvent[] | undefined;
  pending: boolean;
  error: unknown;
  onRetry: () => void;
  text: string;
}

/** Event names as they were really seen, with their properties and the values these took most. */
export function ObservedEvents({ observed, pending, error, onRetry, text }: ObservedProps) {
  const [name, setName] = useQueryParam("event");
  const total = useMemo(() => observed?.reduce((sum, each) => sum + each.count, 0) ?? 0, [observed]);
  const columns = useMemo<readonly Column<ObservedEvent>[]>(
    () => [
      { id: "event", title: "event", width: 180, grow: true, cell: (row) => row.event, sortBy: (row) => row.event },
      { id: "count", title: "count", width: 120, align: "right", mono: true, cell: (row) => number(row.count), sortBy: (row) => row.count },
      { id: "share", title: "share", width: 76, align: "right", mono: true, tone: "mute", cell: (row) => percent(total === 0 ? null : row.count / total), sortBy: (row) => row.count },
      { id: "properties", title: "properties", width: 96, align: "right", mono: true, tone: "mute", cell: (row) => number(row.properties.length), sortBy: (row) => row.properties.length },
      { id: "names", title: "", name: "Names of the properties", width: 160, grow: true, tone: "mute", cell: (row) => row.properties.map((property) => property.name).join(", ") },
    ],
    [total],
  );
  const shown = useMemo(() => {
    const wanted = text.toLowerCase();
    return observed?.filter((row) => row.event.toLowerCase().includes(wanted) || row.properties.some((property) => property.name.toLowerCase().includes(wanted)));
  }, [observed, text]);
  const open = observed?.find((each) => each.event === name);
  return (
    <Split
      id="observed"
      initial={440}
      min={320}
      first={
        <Table
          id="observed"
          label="Events observed"
          columns={columns}
          rowKey={(row) => row.event}
          rows={shown}
          selectedKey={name || null}
          onSelect={(row) => setName(row.event)}
          initialSort={{ column: "count", descending: true }}
          loading={pending}
          error={error}
          onRetry={onRetry}
          empty={text ? <EmptyState title={`No event or property is called “${text}”`}>Clear the search.</EmptyState> : <EmptyState title="No event was collected yet">Names, properties and values appear here as soon as a source has collected events.</EmptyState>}
        />
      }
      second={open ? <Event key={open.event} event={open} onClose={() => setName("")} /> : null}
    />
  );
}

function Event({ event, onClose }: { event: ObservedEvent; onClose: () => void }) {
  const quoted = `'${event.event.replaceAll("'", "''")}'`;
  return (
    <>
      <Bar level={2} title={event.event} sub={count(event.count, "event")} actions={<><Button onClick={() => navigate(path("sql", { sql: `select *\nfrom events\nwhere event = ${quoted}\norder by timestamp desc\nlimit 1000` }))} testId="observed-sql">Query them</Button><Button kind="quiet" icon aria-label="Close the event" onClick={onClose}>×</Button></>} />
      <Pane testId="observed-event">
        {event.properties.length === 0 && <p className="mute">No property was seen.</p>}
        {event.properties.map((property) => <Property key={property.name} property={property} events={event.count} />)}
      </Pane>
    </>
  );
}

/** Values that are told apart by bars: fewer than this say something each. */
const DIFFERENT_MIN = 8;
/** A value that fewer than one in this many events have tells nothing of the others. */
const ONE_IN = 400;
const EXAMPLES = 3;

/** Whether every value, or nearly every one, stands for itself: an order's number, a message's text. */
export function areNames({ values }: Pick<ObservedProperty, "values">, events: number): "unique" | "many" | null {
  const most = Math.max(0, ...values.map(({ count: seen }) => seen));
  if (values.length < DIFFERENT_MIN) return null;
  return most <= 1 ? "unique" : most * ONE_IN < events || most <= 2 ? "many" : null;
}

function Property({ property, events }: { property: ObservedProperty; events: number }) {
  const most = property.values[0]?.count ?? 0;
  const names = areNames(property, events);
  return (
    <section className={styles["property"]} data-testid={`property-${property.name}`}>
      <h3><span className="mono info">{property.name}</span> <span className="faint mono">{property.data_type.toLowerCase()}</span></h3>
      {property.values.length === 0 && <p className="faint">Numbers and times are not counted one by one.</p>}
      {names !== null && (
        <p className={styles["names"]}>
          <span className="mute">{names === "unique" ? "unique values, such as " : `many values, ${number(most)} of one at most, such as `}</span>
          <span className="mono" data-selectable="">{property.values.slice(0, EXAMPLES).map(({ value }) => value).join(", ")}</span>
        </p>
      )}
      {names === null && property.values.map(({ value, count: seen }) => (
        <div key={value} className={styles["observedValue"]} title={`${value}: ${number(seen)}`}>
          <i style={{ width: `${most === 0 ? 0 : (100 * seen) / most}%` }} aria-hidden="true" />
          <span data-selectable="">{value}</span>
          <b>{compact(seen)}</b>
        </div>
      ))}
    </section>
  );
}
