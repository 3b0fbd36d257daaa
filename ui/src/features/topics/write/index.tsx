/** What can be done with a topic: produce to it, copy its records. */

import { useState } from "react";
import { useCall } from "@/platform";
import { Button } from "@/shared/controls";
import { useQueryParam } from "@/shared/router";
import { Copy } from "./Copy";
import { Produce } from "./Produce";

export function WriteActions({ cluster, topic }: { cluster: string; topic: string }) {
  const [open, setOpen] = useState<"produce" | "copy" | null>(null);
  const [where] = useQueryParam("where");
  const clusters = useCall("cluster_list", {}, { topic: "definitions" });
  const readOnly = clusters.data?.find(({ name }) => name === cluster)?.read_only ?? true;
  const close = () => setOpen(null);
  return (
    <>
      <Button onClick={() => setOpen("copy")} testId="topic-copy">Copy…</Button>
      <Button disabled={readOnly} title={readOnly ? `${cluster} is read-only` : undefined} onClick={() => setOpen("produce")} testId="topic-produce">Produce…</Button>
      {open === "produce" && <Produce cluster={cluster} topic={topic} onClose={close} />}
      {open === "copy" && <Copy cluster={cluster} topic={topic} where={where} onClose={close} />}
    </>
  );
}
