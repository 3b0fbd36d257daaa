/** Events: the sources that collect them, what they could not read, and what was observed in those collected. */

import { useCall } from "@/platform";
import { SearchInput } from "@/shared/controls";
import { compact, count, number } from "@/shared/format";
import { Bar, Screen, Tabs } from "@/shared/layout";
import { navigate, path, useQueryParam, useRoute } from "@/shared/router";
import { isTopic } from "@/shared/sources";
import { ObservedEvents } from "./ObservedEvents";
import { Plans } from "./Plans";
import { Sources } from "./Sources";
import { Violations } from "./Violations";

/** Names and counts change slowly, and are costly to count. */
const OBSERVED_EVERY_MS = 10_000;
/** How far a source is behind changes without an event. */
const SOURCES_EVERY_MS = 2000;

export default function Events() {
  const [, name] = useRoute().segments;
  const [tab] = useQueryParam("tab", "sources");
  const [text, setText] = useQueryParam("search");
  const sources = useCall("source_list", {}, { topic: "events", everyMs: SOURCES_EVERY_MS });
  const observed = useCall("observed_show", {}, { enabled: tab === "observed", everyMs: OBSERVED_EVERY_MS });
  const all = sources.data;
  const sum = (of: "events" | "duplicates" | "quarantined" | "violations") => all?.reduce((total, each) => total + each[of], 0);
  return (
    <Screen testId="screen-events">
      <Bar
        title="Events"
        sub={all && `${compact(sum("events"))} collected · ${count(sum("duplicates"), "duplicate")} left out · ${number(sum("quarantined"))} in quarantine`}
        actions={<SearchInput label={tab === "observed" ? "Search events and properties" : tab === "violations" ? "Search violations" : tab === "plans" ? "Search plans" : "Search sources"} value={text} onChange={setText} />}
      />
      <Tabs label="Events" value={tab} onChange={(next) => navigate(path("events", { tab: next === "sources" ? "" : next }))} tabs={[{ id: "sources", label: "Sources", note: all && number(all.length) }, { id: "observed", label: "Observed", note: tab === "observed" && observed.data ? number(observed.data.events.length) : undefined }, { id: "violations", label: "Violations", note: all && number(sum("violations")) }, { id: "plans", label: "Plans" }]}>
        {tab === "plans" ? <Plans text={text} sources={all?.map(({ name: of }) => of) ?? []} /> : tab === "violations" ? <Violations text={text} sources={all?.map(({ name: of, definition }) => ({ name: of, cluster: isTopic(definition) ? definition.cluster : undefined }))} /> : tab === "observed" ? <ObservedEvents observed={observed.data?.events} pending={observed.isPending} error={observed.error} onRetry={() => void observed.refetch()} text={text} /> : <Sources sources={all} pending={sources.isPending} error={sources.error} onRetry={() => void sources.refetch()} text={text} open={name ?? null} />}
      </Tabs>
    </Screen>
  );
}
