import { Component, type ReactNode } from "react";
import { Button } from "@/shared/controls";
import { ErrorState } from "@/shared/layout";

/** A screen that fails takes only itself down. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error };
  }

  override render(): ReactNode {
    if (this.state.error === null) return this.props.children;
    return <ErrorState error={this.state.error} testId="screen-error" actions={<Button onClick={() => this.setState({ error: null })}>Show the screen again</Button>} />;
  }
}
