import { useState } from "react";
import type { ConfigEntry } from "@/bindings";
import { useCall } from "@/platform";
import { ConfigTable } from "@/shared/ConfigTable";
import { SettingDialog } from "./changes/dialogs";
import { useReadOnly } from "./changes/Actions";

export function useTopicConfig(cluster: string, topic: string, enabled: boolean) {
  return useCall("topic_config", { cluster, topic }, { enabled });
}

/** All settings of a topic; a click on one changes it. */
export function Configuration({ cluster, topic, text, changed }: { cluster: string; topic: string; text: string; changed: boolean }) {
  const config = useTopicConfig(cluster, topic, true);
  const readOnly = useReadOnly(cluster);
  const [open, setOpen] = useState<ConfigEntry | null>(null);
  return (
    <>
      <ConfigTable id="topic-config" label={`Settings of ${topic}`} config={config.data} text={text} changed={changed} error={config.error} onRetry={() => void config.refetch()} {...(!readOnly && { onOpen: (row: ConfigEntry) => !row.read_only && setOpen(row) })} />
      {open && <SettingDialog cluster={cluster} topic={topic} entry={open} onClose={() => setOpen(null)} />}
    </>
  );
}
