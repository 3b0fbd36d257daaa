"""Sends events with Segment's library for Python, as it is published.
usage: send.py URL WRITE_KEY EVENTS gzip|plain"""

import json
import sys

from segment.analytics.client import Client

host, write_key, events, packing = sys.argv[1:]
failed = []
client = Client(
    write_key,
    host=host,
    gzip=packing == "gzip",
    upload_size=20,
    upload_interval=0.2,
    max_retries=20,
    on_error=lambda error, batch: failed.append(f"{error} ({len(batch)} events)"),
)
name = f"python-{packing}"
client.identify(name, {"email": f"{name}@example.com", "plan": "pro"})
for number in range(int(events)):
    client.track(name, "Python Tracked", {"number": number, "text": "Grüße, 世界"}, message_id=f"{name}-{number}")
client.screen(name, "Home", "Start", {"first": True})
client.flush()
client.join()
print(json.dumps({"failed": failed}))
