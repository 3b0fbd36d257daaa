import { useCallback, useEffect, useLayoutEffect, useRef, useState, type RefObject } from "react";
import { isMapped, maxVirtual, reveal, toScroll, toVirtual, visibleRange, type Range } from "./geometry";

/** Before the element is laid out (and where nothing ever is). */
const VIEWPORT_PX_ASSUMED = 600;
export const HEAD_PX = 29;

interface View extends Range {
  /** Added to a row's own place: where the map of the scroll bar has it. */
  shift: number;
}

/**
 * Follows an element's scroll position and says which rows to render and where. Renders again only when that changes:
 * scrolling inside the rows already rendered costs nothing.
 */
export function useViewport(box: RefObject<HTMLDivElement | null>, total: number, onUserScroll: (virtual: number) => void) {
  const virtual = useRef(0);
  const expected = useRef(-1);
  const [height, setHeight] = useState(VIEWPORT_PX_ASSUMED);
  const [view, setView] = useState<View>({ ...visibleRange(0, height, total), shift: 0 });
  const userScroll = useRef(onUserScroll);
  useEffect(() => {
    userScroll.current = onUserScroll;
  });

  const update = useCallback(() => {
    const range = visibleRange(virtual.current, height, total);
    const shift = isMapped(total) ? (box.current?.scrollTop ?? 0) - virtual.current : 0;
    setView((before) => (before.first === range.first && before.count === range.count && before.shift === shift ? before : { ...range, shift }));
  }, [box, height, total]);

  const scrollTo = useCallback(
    (to: number) => {
      virtual.current = Math.max(0, Math.min(to, maxVirtual(total, height)));
      if (box.current) {
        box.current.scrollTop = toScroll(virtual.current, total, height);
        expected.current = box.current.scrollTop;
      }
      update();
    },
    [box, height, total, update],
  );

  const scrollToRow = useCallback(
    (index: number) => {
      const to = reveal(index, virtual.current, height);
      if (to !== null) scrollTo(to);
    },
    [height, scrollTo],
  );

  // A total that shrinks must not leave the view behind the last row.
  useLayoutEffect(() => {
    if (virtual.current > maxVirtual(total, height)) virtual.current = maxVirtual(total, height);
    update();
  }, [total, height, update]);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = () => setHeight(Math.max(0, element.clientHeight - HEAD_PX) || VIEWPORT_PX_ASSUMED);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [box]);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const onScroll = () => {
      if (Math.abs(element.scrollTop - expected.current) < 1) return;
      expected.current = -1;
      virtual.current = toVirtual(element.scrollTop, total, height);
      update();
      userScroll.current(virtual.current);
    };
    const onWheel = (event: WheelEvent) => {
      if (!isMapped(total) || event.deltaY === 0 || event.ctrlKey) return;
      event.preventDefault();
      scrollTo(virtual.current + event.deltaY * (event.deltaMode === 1 ? 28 : 1));
      userScroll.current(virtual.current);
    };
    element.addEventListener("scroll", onScroll, { passive: true });
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => {
      element.removeEventListener("scroll", onScroll);
      element.removeEventListener("wheel", onWheel);
    };
  }, [box, height, total, scrollTo, update]);

  return { view, height, scrollTo, scrollToRow };
}
