import { useEffect, useRef, useState } from "react";
import type { ConnectionTest } from "@/bindings";
import { Badge, Button } from "@/shared/controls";
import { duration } from "@/shared/format";
import { Heading } from "@/shared/layout";
import styles from "./clusters.module.css";

type Step = ConnectionTest["steps"][number];

interface StepsProps {
  test: ConnectionTest;
  onClose?: () => void;
  /** What held takes one line, so that what is to be mended stays in sight. */
  brief?: boolean;
}

/** How far a connection came, and what stopped it. */
export function Steps({ test, onClose, brief = false }: StepsProps) {
  const [all, setAll] = useState(false);
  const place = useRef<HTMLElement>(null);
  // A form may be scrolled to the field that was typed in last: what came of it is above.
  useEffect(() => {
    if (brief) place.current?.scrollIntoView({ block: "nearest" });
  }, [brief, test]);
  const folded = brief && !all;
  const passed = test.steps.filter((step) => step.ok);
  return (
    <section ref={place} className={styles["steps"]} data-testid="connection-test" data-ok={test.ok}>
      <div className={styles["stepsHead"]}>
        <Heading>{test.ok ? "Connected" : "Not connected"}</Heading>
        {brief && <Button kind="quiet" onClick={() => setAll(!all)} testId="steps-all">{all ? "In brief" : "Each step"}</Button>}
        {onClose && <Button kind="quiet" icon aria-label="Close the test" onClick={onClose}>×</Button>}
      </div>
      {folded && passed.length > 0 && (
        <div className={styles["step"]} data-testid="steps-passed">
          <span><Badge tone="ok">OK</Badge></span>
          <span className={styles["passed"]}>{passed.map(({ step }) => step).join(", ")}</span>
        </div>
      )}
      {test.steps.filter((step) => !folded || !step.ok).map((step) => <StepLine key={step.step} step={step} />)}
    </section>
  );
}

function StepLine({ step }: { step: Step }) {
  return (
    <div className={styles["step"]} data-testid={`step-${step.step}`} data-ok={step.ok}>
      <span><Badge tone={step.ok ? "ok" : "error"}>{step.ok ? "OK" : "FAILED"}</Badge></span>
      <span>{step.step}</span>
      <span className={step.ok ? "mute" : ""} data-selectable="">{step.detail}{step.ok && step.took_ms > 0 && ` · ${duration(step.took_ms)}`}</span>
    </div>
  );
}
