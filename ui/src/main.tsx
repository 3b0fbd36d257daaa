import "@/shared/base.css";
import { CSPProvider } from "@base-ui/react/csp-provider";
import { Tooltip } from "@base-ui/react/tooltip";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Shell } from "@/app/Shell";
import { newQueryClient, setTransport } from "@/platform";
import { NONCE } from "@/shared/nonce";
import { themeChoice } from "@/shared/theme";

async function start(): Promise<void> {
  // For looking at screens without the app; `import.meta.env.DEV` is false in a build, and this leaves the bundle.
  if (import.meta.env.DEV && new URLSearchParams(window.location.search).has("fixture")) {
    const [{ fixture }, { failures }] = await Promise.all([import("@/testing/fixture"), import("@/testing/failures")]);
    setTransport(fixture(failures(new URLSearchParams(window.location.search).get("fail"))));
    const theme = new URLSearchParams(window.location.search).get("theme");
    if (theme === "light" || theme === "dark") themeChoice.set(theme);
  }
  const root = document.getElementById("root");
  if (!root) return;
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={newQueryClient()}>
        <CSPProvider nonce={NONCE}>
          <Tooltip.Provider delay={400}>
            <Shell />
          </Tooltip.Provider>
        </CSPProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}

void start();
