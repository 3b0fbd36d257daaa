import type { ConnectionTest } from "@/bindings";
import { Badge, Button } from "@/shared/controls";
import { duration } from "@/shared/format";
import { Heading } from "@/shared/layout";
import styles from "./clusters.module.css";

/** How far a connection came, and what stopped it. */
export function Steps({ test, onClose }: { test: ConnectionTest; onClose?: () => void }) {
  return (
    <section className={styles["steps"]} data-testid="connection-test" data-ok={test.ok}>
      <div className={styles["stepsHead"]}>
        <Heading>{test.ok ? "Connected" : "Not connected"}</Heading>
        {onClose && <Button kind="quiet" icon aria-label="Close the test" onClick={onClose}>×</Button>}
      </div>
      {test.steps.map((step) => (
        <div key={step.step} className={styles["step"]} data-testid={`step-${step.step}`} data-ok={step.ok}>
          <span><Badge tone={step.ok ? "ok" : "error"}>{step.ok ? "OK" : "FAILED"}</Badge></span>
          <span>{step.step}</span>
          <span className={step.ok ? "mute" : ""} data-selectable="">{step.detail}{step.ok && ` · ${duration(step.took_ms)}`}</span>
        </div>
      ))}
    </section>
  );
}
