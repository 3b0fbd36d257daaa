/** What is inside a cluster: its brokers, who may do what, and who is limited to what. */

import { useState } from "react";
import { Tabs } from "@/shared/layout";
import { AccessRules } from "./AccessRules";
import { Brokers } from "./Brokers";
import { Quotas } from "./Quotas";
import styles from "./inside.module.css";

export function Inside({ cluster }: { cluster: string }) {
  const [tab, setTab] = useState("brokers");
  return (
    <div className={styles["inside"]}>
      <Tabs label={`Inside ${cluster}`} value={tab} onChange={setTab} testId="inside" tabs={[{ id: "brokers", label: "Brokers" }, { id: "acls", label: "Access rules" }, { id: "quotas", label: "Quotas" }]}>
        {tab === "brokers" && <Brokers cluster={cluster} />}
        {tab === "acls" && <AccessRules cluster={cluster} />}
        {tab === "quotas" && <Quotas cluster={cluster} />}
      </Tabs>
    </div>
  );
}
