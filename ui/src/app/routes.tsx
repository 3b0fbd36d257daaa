/**
 * The screens of the window, as the rail lists them.
 *
 * Test ids, for whatever drives the window: `rail-<screen>` on an entry of the rail, `screen-<screen>` on a screen,
 * `row` (with `data-key`) on a table's row inside the table's own id, `sort-<column>` on a column's head, `tabs-<tab>`,
 * `search` on a screen's search, `palette` and `palette-input`, `workspace-menu`, `cluster-menu`, `problems`,
 * `empty`, `error` (with `data-code`), `loading`, `toast`, `dialog`, `status-left` and `status-right`.
 */

import { lazy, type ComponentType } from "react";
import type { Counts } from "@/bindings";
import { compact, number } from "@/shared/format";

export interface RailCount {
  text: string;
  bad?: boolean;
}

export interface ScreenEntry {
  id: string;
  title: string;
  /** After `g`. */
  key: string;
  group: "Observe" | "People" | "Deliver" | "Work";
  count: (counts: Counts) => RailCount | null;
  component: ComponentType;
}

const known = (value: number | null): RailCount | null => (value === null ? null : { text: compact(value) });

function groups({ groups: total, groups_stopped: stopped }: Counts): RailCount | null {
  return stopped > 0 ? { text: `${number(stopped)} stopped`, bad: true } : known(total);
}

export const SCREENS: readonly ScreenEntry[] = [
  { id: "clusters", title: "Clusters", key: "c", group: "Observe", count: (c) => known(c.clusters), component: lazy(() => import("@/features/clusters")) },
  { id: "topics", title: "Topics", key: "t", group: "Observe", count: (c) => known(c.topics), component: lazy(() => import("@/features/topics")) },
  { id: "groups", title: "Groups", key: "g", group: "Observe", count: groups, component: lazy(() => import("@/features/groups")) },
  { id: "schemas", title: "Schemas", key: "h", group: "Observe", count: () => null, component: lazy(() => import("@/features/schemas")) },
  { id: "connect", title: "Connect", key: "k", group: "Observe", count: () => null, component: lazy(() => import("@/features/connect")) },
  { id: "events", title: "Events", key: "e", group: "People", count: ({ events_per_second: rate }) => ({ text: `${compact(rate < 10 ? rate : Math.round(rate))}/s` }), component: lazy(() => import("@/features/events")) },
  { id: "profiles", title: "Profiles", key: "p", group: "People", count: (c) => known(c.profiles), component: lazy(() => import("@/features/profiles")) },
  { id: "traits", title: "Traits", key: "r", group: "People", count: (c) => known(c.traits), component: lazy(() => import("@/features/traits")) },
  { id: "audiences", title: "Audiences", key: "a", group: "People", count: (c) => known(c.audiences), component: lazy(() => import("@/features/audiences")) },
  { id: "destinations", title: "Destinations", key: "d", group: "Deliver", count: (c) => known(c.destinations), component: lazy(() => import("@/features/destinations")) },
  { id: "sql", title: "SQL", key: "s", group: "Work", count: () => null, component: lazy(() => import("@/features/sql")) },
  { id: "activity", title: "Activity", key: "y", group: "Work", count: (c) => (c.activities_running > 0 ? known(c.activities_running) : null), component: lazy(() => import("@/features/activity")) },
];

export const HOME = "topics";
