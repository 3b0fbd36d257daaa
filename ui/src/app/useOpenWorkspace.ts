import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { call } from "@/platform";
import { navigate, path } from "@/shared/router";
import { HOME } from "./routes";

/** Opens another workspace; everything on the screen is then asked for anew. */
export function useOpenWorkspace(): (folder: string) => Promise<void> {
  const client = useQueryClient();
  return useCallback(
    async (folder) => {
      await call("workspace_open", { path: folder });
      navigate(path(HOME));
      await client.resetQueries();
    },
    [client],
  );
}
