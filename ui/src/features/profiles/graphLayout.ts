/** Where everything of an identity graph stands: profiles in a column, each with its identifiers beside it, merges as arcs. */

import type { Identifier, ProfileGraph } from "@/bindings";

export const ROW = 24;
export const GAP = 14;
export const PROFILE_X = 96;
export const IDENTIFIER_X = 250;
/** Identifiers that one profile shows. */
export const IDENTIFIERS_MAX = 12;
/** Profiles that a picture shows. */
export const ORIGINS_MAX = 24;

export interface OriginPlace {
  id: number;
  events: number;
  y: number;
  identifiers: { identifier: Identifier; y: number }[];
  /** Those that are not shown. */
  more: number;
}

export interface TiePlace {
  merge: number;
  evidence: string;
  from: number;
  to: number;
  /** How far to the left the arc goes. */
  depth: number;
}

export interface Layout {
  origins: OriginPlace[];
  ties: TiePlace[];
  height: number;
  /** Profiles that are not shown. */
  more: number;
}

export function layout(graph: ProfileGraph): Layout {
  let y = GAP;
  const origins = graph.origins.slice(0, ORIGINS_MAX).map((origin): OriginPlace => {
    const shown = origin.identifiers.slice(0, IDENTIFIERS_MAX);
    const more = origin.identifiers.length - shown.length;
    const lines = Math.max(1, shown.length + (more > 0 ? 1 : 0));
    const top = y;
    y += lines * ROW + GAP;
    return {
      id: origin.profile_id,
      events: origin.events,
      y: top + (lines * ROW) / 2,
      identifiers: shown.map((identifier, place) => ({ identifier, y: top + place * ROW + ROW / 2 })),
      more,
    };
  });
  const at = new Map(origins.map((origin) => [origin.id, origin.y]));
  const ties = graph.ties.flatMap((tie): TiePlace[] => {
    const [from, to] = [at.get(tie.one), at.get(tie.other)];
    if (from === undefined || to === undefined) return [];
    return [{ merge: tie.merge, evidence: tie.evidence, from, to, depth: Math.min(70, 22 + Math.abs(to - from) / 5) }];
  });
  return { origins, ties, height: y, more: graph.origins.length - origins.length };
}
