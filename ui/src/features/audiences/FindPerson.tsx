import { useState } from "react";
import { useCall } from "@/platform";
import { Button, SearchInput } from "@/shared/controls";
import { EmptyState, ErrorState, Loading } from "@/shared/layout";
import { Dialog } from "@/shared/overlay";
import { navigate, path } from "@/shared/router";
import styles from "./audiences.module.css";

/** Profiles offered. */
const FOUND_MAX = 12;

/** Finds anybody by an identifier, member or not, and asks why. */
export function FindPerson({ name, onClose }: { name: string; onClose: () => void }) {
  const [text, setText] = useState("");
  const found = useCall("profile_search", { text: text.trim(), offset: 0, limit: FOUND_MAX }, { keep: true });
  return (
    <Dialog open onClose={onClose} title="Explain a person" about={`Why somebody is in ${name}, or is not: each condition, with what it came to.`} testId="find-person">
      <SearchInput label="A user id, email or anonymous id" value={text} onChange={setText} width={486} testId="find-person-input" />
      <div className={styles["found"]}>
        {found.error ? (
          <ErrorState error={found.error} onRetry={() => void found.refetch()} />
        ) : !found.data ? (
          <Loading />
        ) : (
          found.data.profiles.map((profile) => (
            <Button key={profile.profile_id} kind="quiet" wide onClick={() => { onClose(); navigate(path("audiences", name, { tab: "members", explain: profile.profile_id })); }} testId="find-person-entry">
              <span className="mono info">{profile.name}</span> {profile.email !== null && profile.email !== profile.name && <span className="mute">{profile.email}</span>}
            </Button>
          ))
        )}
        {found.data?.profiles.length === 0 && <EmptyState title={`Nobody is known as “${text}”`}>Write the beginning of an identifier.</EmptyState>}
      </div>
    </Dialog>
  );
}
