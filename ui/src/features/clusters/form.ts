/** A cluster's definition as a form has it, and back. What the form has no field for stays as it was written. */

import type { ClusterDefinition, ClusterSaveRequest } from "@/bindings";
import type { Field, FormValues } from "@/shared/Form";

export const SECURITIES = [
  { value: "plaintext", label: "Plaintext", hint: "no encryption, no login" },
  { value: "tls", label: "TLS" },
  { value: "mutual", label: "Mutual TLS", hint: "a client's certificate" },
  { value: "plain", label: "SASL PLAIN", hint: "name and password" },
  { value: "scram256", label: "SASL SCRAM-SHA-256" },
  { value: "scram512", label: "SASL SCRAM-SHA-512" },
  { value: "oidc", label: "OAUTHBEARER", hint: "OIDC client credentials" },
  { value: "msk", label: "Amazon MSK IAM" },
  { value: "gssapi", label: "Kerberos (GSSAPI)" },
  { value: "written", label: "As its properties say", hint: "nothing is set for you" },
] as const;

export type Security = (typeof SECURITIES)[number]["value"];

export interface Draft {
  name: string;
  color: string;
  readOnly: boolean;
  servers: string;
  security: Security;
  encrypted: boolean;
  /** By property; of `[auth]`: region and profile. A secret is what was just typed. */
  values: FormValues;
  more: readonly (readonly [string, string])[];
  /** References to secrets that stay unless something is typed. */
  kept: Readonly<Record<string, string>>;
  /** What the form does not show: the schema registry, formats of topics. */
  rest: Partial<ClusterDefinition>;
}

const MECHANISMS: Partial<Record<Security, string>> = { plain: "PLAIN", scram256: "SCRAM-SHA-256", scram512: "SCRAM-SHA-512", oidc: "OAUTHBEARER", gssapi: "GSSAPI" };

const CA: Field = { name: "ssl.ca.location", label: "Certificates of the CA", kind: "text", placeholder: "certs/ca.pem", help: "PEM, relative to the workspace. Empty: those that this machine trusts." };
const PASSWORD: Field = { name: "sasl.password", label: "Password", kind: "secret" };
const LOGIN: readonly Field[] = [{ name: "sasl.username", label: "User", kind: "text", required: true }, PASSWORD];

const FIELDS: Partial<Record<Security, readonly Field[]>> = {
  mutual: [
    { name: "ssl.certificate.location", label: "Own certificate", kind: "text", placeholder: "certs/me.pem", required: true },
    { name: "ssl.key.location", label: "Its key", kind: "text", placeholder: "certs/me.key", required: true },
    { name: "ssl.key.password", label: "Password of the key", kind: "secret" },
  ],
  plain: LOGIN,
  scram256: LOGIN,
  scram512: LOGIN,
  oidc: [
    { name: "sasl.oauthbearer.token.endpoint.url", label: "Token endpoint", kind: "text", placeholder: "https://id.example.com/oauth2/token", required: true },
    { name: "sasl.oauthbearer.client.id", label: "Client id", kind: "text", required: true },
    { name: "sasl.oauthbearer.client.secret", label: "Client secret", kind: "secret" },
    { name: "sasl.oauthbearer.scope", label: "Scope", kind: "text" },
    { name: "sasl.oauthbearer.extensions", label: "Extensions", kind: "text", placeholder: "logicalCluster=lkc-1,identityPoolId=pool-1" },
  ],
  msk: [
    { name: "region", label: "Region", kind: "text", placeholder: "read from the brokers' names" },
    { name: "profile", label: "Profile", kind: "text", placeholder: "the usual search for credentials", help: "Of ~/.aws/config." },
  ],
  gssapi: [
    { name: "sasl.kerberos.service.name", label: "Service name", kind: "text", placeholder: "kafka" },
    { name: "sasl.kerberos.principal", label: "Principal", kind: "text" },
    { name: "sasl.kerberos.keytab", label: "Keytab", kind: "text", placeholder: "empty: the tickets of this session" },
  ],
};

/** Whether the choice leaves open if the connection is encrypted. */
export function asksForTls(security: Security): boolean {
  return security in MECHANISMS;
}

export function fieldsOf(draft: Pick<Draft, "security" | "encrypted" | "kept">): readonly Field[] {
  const { security } = draft;
  const own = FIELDS[security] ?? [];
  const tls = security === "tls" || security === "mutual" || security === "msk" || (asksForTls(security) && draft.encrypted);
  const fields = tls ? [...own, CA] : own;
  return fields.map((field) => (field.kind === "secret" ? { ...field, placeholder: draft.kept[field.name] ?? "", help: draft.kept[field.name] === undefined ? "Kept in the secret store, not in the file." : "Kept; type to replace it." } : field));
}

export function empty(): Draft {
  return { name: "", color: "#e0a84a", readOnly: false, servers: "", security: "plaintext", encrypted: true, values: {}, more: [], kept: {}, rest: {} };
}

function securityOf(definition: ClusterDefinition, of: (name: string) => string | undefined): Security {
  if (definition.auth) return "msk";
  const protocol = (of("security.protocol") ?? "plaintext").toLowerCase();
  if (protocol === "plaintext") return "plaintext";
  if (protocol === "ssl") return of("ssl.certificate.location") === undefined ? "tls" : "mutual";
  const mechanism = (of("sasl.mechanism") ?? of("sasl.mechanisms") ?? "GSSAPI").toUpperCase();
  const found = (Object.keys(MECHANISMS) as Security[]).find((security) => MECHANISMS[security] === mechanism);
  if (found === "oidc" && of("sasl.oauthbearer.method")?.toLowerCase() !== "oidc") return "written";
  return found ?? "written";
}

export function draftOf(name: string, definition: ClusterDefinition): Draft {
  const properties = Object.entries(definition.properties ?? {}).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]));
  const of = (key: string) => properties.find(([found]) => found === key)?.[1];
  const security = securityOf(definition, of);
  const encrypted = (of("security.protocol") ?? "").toLowerCase() !== "sasl_plaintext";
  const fields = fieldsOf({ security, encrypted, kept: {} });
  const owned = new Set(["bootstrap.servers", ...fields.map((field) => field.name)]);
  if (security !== "written") for (const key of ["security.protocol", "sasl.mechanism", "sasl.mechanisms"]) owned.add(key);
  if (security === "oidc") owned.add("sasl.oauthbearer.method");
  const secret = (key: string) => fields.some((field) => field.name === key && field.kind === "secret");
  const values = Object.fromEntries(properties.filter(([key]) => owned.has(key) && !secret(key) && fields.some((field) => field.name === key)));
  const auth = definition.auth ? { region: definition.auth.region ?? "", profile: definition.auth.profile ?? "" } : {};
  return {
    name, color: definition.color, readOnly: definition.read_only, servers: of("bootstrap.servers") ?? "", security, encrypted,
    values: { ...values, ...auth },
    more: properties.filter(([key]) => !owned.has(key)),
    kept: Object.fromEntries(properties.filter(([key]) => secret(key))),
    rest: definition,
  };
}

function protocolOf({ security, encrypted }: Draft): string | null {
  if (security === "written" || security === "plaintext" || security === "msk") return null;
  if (security === "tls" || security === "mutual") return "ssl";
  return encrypted ? "sasl_ssl" : "sasl_plaintext";
}

export function requestOf(draft: Draft, create: boolean): ClusterSaveRequest {
  const properties: Record<string, string> = { "bootstrap.servers": draft.servers.trim() };
  const secrets: Record<string, string> = {};
  const protocol = protocolOf(draft);
  const mechanism = MECHANISMS[draft.security];
  if (protocol !== null) properties["security.protocol"] = protocol;
  if (mechanism !== undefined) properties["sasl.mechanism"] = mechanism;
  if (draft.security === "oidc") properties["sasl.oauthbearer.method"] = "oidc";
  const text = (name: string) => String(draft.values[name] ?? "").trim();
  for (const field of fieldsOf(draft)) {
    if (field.name === "region" || field.name === "profile") continue;
    if (field.kind === "secret") {
      // A password may begin or end with a space.
      const typed = String(draft.values[field.name] ?? "");
      const kept = draft.kept[field.name];
      if (typed !== "") secrets[field.name] = typed;
      else if (kept !== undefined) properties[field.name] = kept;
    } else if (text(field.name) !== "") properties[field.name] = text(field.name);
  }
  for (const [name, value] of draft.more) if (name.trim() !== "") properties[name.trim()] = value;
  const auth = draft.security === "msk" ? { kind: "msk_iam" as const, ...(text("region") && { region: text("region") }), ...(text("profile") && { profile: text("profile") }) } : null;
  return { name: draft.name.trim(), create, definition: { ...draft.rest, kind: "kafka", color: draft.color, read_only: draft.readOnly, properties, auth }, secrets };
}
