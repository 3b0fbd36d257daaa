/** A chart drawn in Rust, asked for at the size and in the theme it is shown in. */

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { ErrorState, Loading } from "./layout";
import { sanitize } from "./svg";
import styles from "./SvgChart.module.css";
import { useTheme } from "./theme";

export interface ChartStyle {
  width: number;
  height: number;
  dark: boolean;
}

export interface SvgChartProps {
  /** What the picture shows, for those who do not see it. */
  label: string;
  height: number;
  /** What it is of, and the revision of it: a change asks for a new one. */
  queryKey: readonly unknown[];
  /** Gives the text of a whole `<svg>` element. */
  draw: (style: ChartStyle) => Promise<string>;
  everyMs?: number;
  testId?: string;
}

/** Widths are asked for in steps, so that dragging an edge does not ask for every pixel. */
const WIDTH_STEP = 16;

export function SvgChart({ label, height, queryKey, draw, everyMs, testId = "chart" }: SvgChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const dark = useTheme() === "dark";
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const measure = () => setWidth(Math.floor(element.clientWidth / WIDTH_STEP) * WIDTH_STEP);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const chart = useQuery({
    queryKey: ["chart", ...queryKey, width, height, dark],
    queryFn: () => draw({ width, height, dark }),
    enabled: width > 0,
    placeholderData: keepPreviousData,
    ...(everyMs !== undefined && { refetchInterval: everyMs }),
  });
  const { data } = chart;
  useEffect(() => {
    const element = place.current;
    if (!element || data === undefined) return;
    const drawn = sanitize(data);
    if (drawn) {
      if (!drawn.hasAttribute("viewBox")) drawn.setAttribute("viewBox", `0 0 ${drawn.getAttribute("width") ?? width} ${drawn.getAttribute("height") ?? height}`);
      drawn.setAttribute("preserveAspectRatio", "none");
      drawn.setAttribute("aria-hidden", "true");
      element.replaceChildren(drawn);
    } else {
      element.replaceChildren();
    }
    // The size is part of what `data` was drawn for.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [data]);

  return (
    <div className={styles["chart"]} style={{ height }} data-testid={testId}>
      <div ref={place} className={styles["place"]} role="img" aria-label={label} data-drawn={data !== undefined || undefined} />
      {data === undefined && (
        <div className={styles["over"]}>{chart.error ? <ErrorState error={chart.error} onRetry={() => void chart.refetch()} /> : <Loading label="Drawing" />}</div>
      )}
    </div>
  );
}
