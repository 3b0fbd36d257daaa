// Sends events with Segment's library for Node.js, as it is published.
// usage: node send.mjs URL WRITE_KEY EVENTS
import { Analytics } from "@segment/analytics-node";

const [host, writeKey, events] = process.argv.slice(2);
const analytics = new Analytics({ host, writeKey, maxEventsInBatch: 20, flushInterval: 200, maxRetries: 20 });
const failed = [];
analytics.on("error", (error) => failed.push(String(error.reason ?? error)));
analytics.identify({ userId: "node", traits: { email: "node@example.com", plan: "pro" } });
for (let number = 0; number < Number(events); number++) {
  analytics.track({
    userId: "node",
    event: "Node Tracked",
    properties: { number, nested: { list: [1, "two"] } },
    messageId: `node-${number}`,
  });
}
analytics.page({ anonymousId: "node-device", name: "Start", properties: { url: "https://shop.example/" } });
analytics.group({ userId: "node", groupId: "g1", traits: { seats: 3 } });
analytics.alias({ userId: "node", previousId: "node-device" });
await analytics.closeAndFlush({ timeout: 60_000 });
console.log(JSON.stringify({ failed }));
