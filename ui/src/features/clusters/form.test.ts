import { expect, test } from "vitest";
import type { ClusterDefinition } from "@/bindings";
import { draftOf, empty, requestOf } from "./form";

function definition(properties: Record<string, string>, more: Partial<ClusterDefinition> = {}): ClusterDefinition {
  return { kind: "kafka", color: "#112233", read_only: true, properties: { "bootstrap.servers": "a:1", ...properties }, auth: null, ...more };
}

test.each<[string, ClusterDefinition, string]>([
  ["in the clear", definition({ "client.id": "me" }), "plaintext"],
  ["TLS", definition({ "security.protocol": "ssl", "ssl.ca.location": "ca.pem" }), "tls"],
  ["mutual TLS", definition({ "security.protocol": "ssl", "ssl.certificate.location": "c", "ssl.key.location": "k", "ssl.key.password": "secret:k" }), "mutual"],
  ["PLAIN in the clear", definition({ "security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", "sasl.username": "me", "sasl.password": "secret:p" }), "plain"],
  ["SCRAM", definition({ "security.protocol": "sasl_ssl", "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "me", "sasl.password": "secret:p", "fetch.max.bytes": "9" }), "scram512"],
  ["OIDC", definition({ "security.protocol": "sasl_ssl", "sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.method": "oidc", "sasl.oauthbearer.client.id": "x", "sasl.oauthbearer.token.endpoint.url": "https://x", "sasl.oauthbearer.client.secret": "secret:s" }), "oidc"],
  ["MSK", definition({}, { auth: { kind: "msk_iam", region: "eu-west-1" } }), "msk"],
  ["what the form does not show", definition({}, { topics: { orders: {} } }), "plaintext"],
  ["Kerberos", definition({ "security.protocol": "sasl_ssl", "sasl.mechanism": "GSSAPI", "sasl.kerberos.principal": "me@X" }), "gssapi"],
  ["what it has no field for", definition({ "security.protocol": "sasl_ssl", "sasl.mechanism": "OAUTHBEARER", "enable.sasl.oauthbearer.unsecure.jwt": "true" }), "written"],
])("%s comes back as it was", (_, given, security) => {
  const draft = draftOf("prod", given);
  expect(draft.security).toBe(security);
  expect(requestOf(draft, false)).toEqual({ name: "prod", create: false, definition: given, secrets: {} });
});

test("a typed secret is no property, and one that is kept is not asked for again", () => {
  const draft = draftOf("prod", definition({ "security.protocol": "sasl_ssl", "sasl.mechanism": "PLAIN", "sasl.username": "me", "sasl.password": "secret:old" }));
  expect(draft.values["sasl.password"]).toBeUndefined();
  const typed = requestOf({ ...draft, values: { ...draft.values, "sasl.password": " new " } }, false);
  expect(typed.secrets).toEqual({ "sasl.password": " new " });
  expect(typed.definition.properties?.["sasl.password"]).toBeUndefined();
});

test("another security leaves the fields of the first behind", () => {
  const draft = { ...empty(), name: " prod ", servers: "a:1 ", security: "tls" as const, values: { "sasl.username": "me", "ssl.ca.location": "ca.pem" } };
  expect(requestOf(draft, true)).toMatchObject({ name: "prod", create: true, definition: { properties: { "bootstrap.servers": "a:1", "security.protocol": "ssl", "ssl.ca.location": "ca.pem" } } });
  expect(requestOf(draft, true).definition.properties).not.toHaveProperty("sasl.username");
});
