import type { SourceDefinition } from "@/bindings";

/** Whether its records lie in a topic, where they can be looked at. */
export const isTopic = ({ kind }: SourceDefinition) => (kind ?? "kafka") === "kafka";

/** Where a source's events come from, in a few words. */
export function sourceFrom(definition: SourceDefinition): string {
  return isTopic(definition) ? `${definition.cluster ?? ""} / ${definition.topic ?? ""}` : "tracking API";
}
