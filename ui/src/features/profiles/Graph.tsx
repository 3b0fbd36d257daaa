/** The identity graph as a picture: each profile as it was created, what it is known by, and the merges that tie them. */

import { useMemo } from "react";
import type { ProfileGraph } from "@/bindings";
import { count } from "@/shared/format";
import { IDENTIFIER_X, layout, PROFILE_X, ROW } from "./graphLayout";
import styles from "./profiles.module.css";

const CHARS_MAX = 46;

function short(text: string): string {
  return text.length > CHARS_MAX ? `${text.slice(0, CHARS_MAX - 1)}…` : text;
}

export function Graph({ graph, picked, onPick }: { graph: ProfileGraph; picked: number | null; onPick: (merge: number) => void }) {
  const places = useMemo(() => layout(graph), [graph]);
  return (
    <figure className={styles["graph"]} data-testid="identity-graph">
      <svg width="100%" height={places.height} viewBox={`0 0 640 ${places.height}`} preserveAspectRatio="xMinYMin meet" role="img" aria-label={`${count(places.origins.length, "profile")} tied by ${count(places.ties.length, "merge")}`}>
        {places.ties.map((tie) => (
          <path
            key={tie.merge}
            className={styles["tie"]}
            data-picked={picked === tie.merge || undefined}
            d={`M ${PROFILE_X} ${tie.from} C ${PROFILE_X - tie.depth} ${tie.from}, ${PROFILE_X - tie.depth} ${tie.to}, ${PROFILE_X} ${tie.to}`}
            onMouseEnter={() => onPick(tie.merge)}
          >
            <title>{`merge ${tie.merge}: ${tie.evidence}`}</title>
          </path>
        ))}
        {places.origins.map((origin, place) => (
          <g key={origin.id}>
            {origin.identifiers.map(({ identifier, y }) => (
              <g key={`${identifier.kind} ${identifier.value}`}>
                <path className={styles["edge"]} d={`M ${PROFILE_X} ${origin.y} C ${PROFILE_X + 70} ${origin.y}, ${IDENTIFIER_X - 70} ${y}, ${IDENTIFIER_X - 8} ${y}`} />
                <circle className={styles["identifier"]} cx={IDENTIFIER_X} cy={y} r={4} />
                <text className={styles["kind"]} x={IDENTIFIER_X + 12} y={y + 4}>{identifier.kind}</text>
                <text className={styles["value"]} x={IDENTIFIER_X + 110} y={y + 4}>{short(identifier.value)}<title>{identifier.value}</title></text>
              </g>
            ))}
            {origin.more > 0 && <text className={styles["kind"]} x={IDENTIFIER_X + 12} y={origin.y + (origin.identifiers.length * ROW) / 2}>{count(origin.more, "more identifier")}</text>}
            <circle className={styles["origin"]} data-lives={place === 0 || undefined} cx={PROFILE_X} cy={origin.y} r={9} />
            <text className={styles["number"]} x={PROFILE_X} y={origin.y + 26} textAnchor="middle">#{origin.id} · {count(origin.events, "event")}</text>
          </g>
        ))}
      </svg>
      {places.more > 0 && <figcaption className="mute">{count(places.more, "more profile")} are not drawn.</figcaption>}
    </figure>
  );
}
