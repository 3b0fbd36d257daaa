import { useEffect, useRef } from "react";
import { defaultTransport } from "./tauri";
import { transport } from "./transport";

/** Calls back with the paths of files that are dropped onto the window while this is shown. */
export function useDroppedFiles(onFiles: (paths: readonly string[]) => void): void {
  const latest = useRef(onFiles);
  useEffect(() => {
    latest.current = onFiles;
  });
  useEffect(() => {
    let ended = false;
    let end: (() => void) | undefined;
    // Where nothing can be dropped, the path can still be typed.
    const listening = transport(defaultTransport).dropped?.((paths) => latest.current(paths));
    listening?.then(
      (stop) => {
        if (ended) stop();
        else end = stop;
      },
      () => {},
    );
    return () => {
      ended = true;
      end?.();
    };
  }, []);
}
