/** A button that opens a small panel of settings beside it. */

import { Popover as BasePopover } from "@base-ui/react/popover";
import type { ReactNode } from "react";
import controls from "./controls.module.css";
import { cx } from "./cx";
import styles from "./overlay.module.css";

export interface PopoverProps {
  /** Spoken name of the button. */
  label: string;
  /** What stands on the button. */
  text: ReactNode;
  open: boolean;
  onOpenChange: (open: boolean) => void;
  children: ReactNode;
  disabled?: boolean;
  invalid?: boolean;
  width?: number;
  testId?: string;
}

export function Popover({ label, text, open, onOpenChange, children, disabled = false, invalid = false, width, testId }: PopoverProps) {
  return (
    <BasePopover.Root open={open} onOpenChange={(next) => onOpenChange(next)}>
      <BasePopover.Trigger className={cx(controls["button"], controls["trigger"])} aria-label={label} disabled={disabled} aria-invalid={invalid || undefined} data-testid={testId}>
        <span>{text}</span>
        <span className={controls["caret"]} aria-hidden="true">▼</span>
      </BasePopover.Trigger>
      <BasePopover.Portal>
        <BasePopover.Positioner className={controls["positioner"]} sideOffset={4} align="start">
          <BasePopover.Popup className={styles["panel"]} style={width === undefined ? undefined : { width }} data-testid={testId && `${testId}-panel`}>{children}</BasePopover.Popup>
        </BasePopover.Positioner>
      </BasePopover.Portal>
    </BasePopover.Root>
  );
}
