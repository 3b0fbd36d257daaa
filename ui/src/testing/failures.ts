import type { Failures } from "./fixture";

const BROKER = { code: "broker_unreachable", domain: "external", retry: true, message: "No broker of prod-eu answers at kafka-1.prod.example:9092: the connection was refused. Check the address in clusters/prod-eu.toml, and that the broker runs." } as const;
const ENGINE = { code: "store_failed", domain: "internal", retry: false, message: "The state in .tailrace/state.db could not be read: the disk is full. Free some space, then open the workspace again." } as const;

/** What may go wrong, to look at: `?fixture=1&fail=locked`. */
const CASES: Readonly<Record<string, Failures>> = {
  locked: { workspace_show: { code: "workspace_locked", message: "the workspace /home/me/shop-workspace is already open in the window (process 4711): close that one first, or open another workspace" }, workspace_open: { code: "workspace_locked", message: "the workspace /home/me/shop-workspace is already open in the window (process 4711): close that one first, or open another workspace" } },
  none: { workspace_show: { code: "no_workspace", message: "/home/me/shop is no workspace, it has no tailrace.toml: name another folder, or make one with `tailrace init /home/me/shop`" } },
  cluster: { topic_list: BROKER, topic_show: BROKER, group_list: BROKER, group_show: BROKER, cluster_show: BROKER, tail_start: BROKER, record_show: BROKER, lag_chart: BROKER },
  sql: {
    sql_start: { code: "sql_unknown_column", message: "There is no column revenu in events. Did you mean revenue?", position: { line: 2, column: 6 } },
    tail_start: { code: "sql_syntax", message: "Expected an expression after `=`. Write a value, such as 'Order Completed'.", position: { line: 1, column: 19 } },
    audience_preview: { code: "unknown_property", message: "condition 2.0: Product Viewed was never seen with a property categry. Did you mean category?" },
    trait_preview: { code: "sql_unknown_column", message: "There is no column revenu in events. Did you mean revenue?", position: { line: 1, column: 24 } },
  },
  lists: Object.fromEntries(["cluster_list", "source_list", "malformed_list", "observed_show", "profile_search", "trait_list", "audience_list", "destination_list", "sync_list", "activity_list"].map((name) => [name, ENGINE])),
};

export function failures(name: string | null): Failures {
  return { ...CASES[name ?? ""] };
}
