import { useEffect, useRef, useState } from "react";

/** The latest value, taken over once per animation frame at most, however often it changes. */
export function useFrameValue<T>(value: T): T {
  const [painted, setPainted] = useState(value);
  const latest = useRef(value);
  const frame = useRef(0);
  useEffect(() => {
    latest.current = value;
    if (frame.current !== 0) return;
    frame.current = requestAnimationFrame(() => {
      frame.current = 0;
      setPainted(() => latest.current);
    });
  }, [value]);
  useEffect(() => () => cancelAnimationFrame(frame.current), []);
  return painted;
}

/** The time now, renewed every `everyMs`: for "6 min ago". */
export function useNow(everyMs = 1000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
