"""Compress a text, ask what was left out, and get it back. Needs a service: `condenser serve`."""

from pathlib import Path

from condenser_client import Condenser, ProblemError

TEXT = Path(__file__).with_name("outage.txt").read_text()

with Condenser() as condenser:  # CONDENSER_URL and CONDENSER_API_KEY, or Condenser("http://host:8000", api_key="...")
    short = condenser.compress(TEXT, target_ratio=0.4, method="extractive", must_keep=["4,300"])
    print(short.compressed)
    print(f"{short.sizes.source_tokens} -> {short.sizes.compressed_tokens} tokens, missing: {short.fidelity.missing}")
    assert condenser.reconstruct(short.capsule).text == TEXT

    for item in condenser.batch([TEXT, "A short note."], method="extractive").results:
        print(item.index, item.result.method if item.result else item.problem)

    try:
        condenser.compress(TEXT, must_keep=["not in the text"])
    except ProblemError as error:
        print(error.status, error.kind, error.problem.detail)
