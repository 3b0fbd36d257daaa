/** Audiences: the list, and one with its builder or SQL, its members, and who comes and goes. */

import { useRoute } from "@/shared/router";
import { AudienceList } from "./AudienceList";
import { AudienceScreen } from "./AudienceScreen";

export default function Audiences() {
  const [, name] = useRoute().segments;
  return name === undefined ? <AudienceList /> : <AudienceScreen key={name} name={name} />;
}
