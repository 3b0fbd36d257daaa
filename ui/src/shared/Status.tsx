/** The status line at the foot of the window: the shell owns the place, the screen says what stands in it. */

import { createContext, useContext, type ReactNode } from "react";
import { createPortal } from "react-dom";

export interface StatusSlots {
  left: HTMLElement | null;
  right: HTMLElement | null;
}

export const StatusSlotsContext = createContext<StatusSlots>({ left: null, right: null });

/** Each child is one fact: wrap it in a `<span>`. */
export function Status({ children, side = "left" }: { children: ReactNode; side?: keyof StatusSlots }) {
  const slot = useContext(StatusSlotsContext)[side];
  return slot === null ? null : createPortal(children, slot);
}
