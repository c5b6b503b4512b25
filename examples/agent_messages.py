"""Keep an agent's conversation short: older messages are compressed before each call of the model. Needs a service."""

from pathlib import Path
from typing import Any

from condenser_client import Condenser

LOG = Path(__file__).with_name("outage.txt").read_text()

messages: list[dict[str, Any]] = [
    {"role": "system", "content": "You help the people on call."},
    {"role": "user", "content": f"Here is yesterday's note, read it first:\n\n{LOG}"},
    {"role": "assistant", "content": "I have read it. What would you like to know?"},
    {"role": "user", "content": "Which version is deployed now?"},
    {"role": "assistant", "content": "v2.3.0, since the rollback at 15:10 UTC."},
    {"role": "user", "content": "And how many orders were affected?"},
]

with Condenser() as condenser:
    short = condenser.compress_messages(messages, keep_last=2, target_ratio=0.4, method="extractive")
    print(short.messages[1]["content"])
    print(f"{short.sizes.source_tokens} -> {short.sizes.compressed_tokens} tokens")
    assert short.messages[-2:] == messages[-2:]  # what was said last goes to the model as it was
    # Each changed message can be had back from its capsule.
    assert condenser.reconstruct(short.changed[0].capsule).text == messages[1]["content"]
