"""The examples that the OpenAPI document and `/docs` show: real answers of the embedded engine."""

from typing import Any

TEXT = (
    "Hi team, just a quick note about yesterday's outage. Around 14:35 UTC the checkout service started "
    "to return errors for some of our customers, and it took us a while to understand what was going on. "
    "As far as we can tell the new version v2.3.1 opened more connections to the database than the pool "
    "allows, so requests were waiting for each other until they timed out. We rolled back to v2.3.0 at "
    "15:10 UTC and everything went back to normal a few minutes later. In total about 4,300 orders were "
    "affected, none of them were lost, and Maria Lindqvist has already written to the customers who "
    "complained. Please do not deploy v2.3.1 in the meantime. Thanks to everybody who helped out, it was "
    "great to see how quickly people jumped in even though it was late for some of you."
)

CAPSULE: dict[str, Any] = {
    "version": 1,
    "fidelity": "exact",
    "codec": "brotli-11",
    "payload": (
        "OZ68mtDkN/wfPwMgHAk2LnFT2tjJSwEkSwvnnJLnximBcAPJMvAFSgFrKN6CUxNgvf/Lpqm7VFv7A1YsYIHqY9u2ZP"
        "T4R1Ge1eG21LQ82AhUZODsA0MSAnFzo2GkXvFtP6D0PCXmKnnbcmPHw/slXkk0Yr+GWxMDTSMF30FUeuqDuDDX6kOK"
        "Y0wDOLMa6hgoT7bwt6WVbtj/8hMLQfKGnvLQoUFkdraZwyzIHdTI3uXiegQLRlkcp+oYshw058VuzCRazK7sA/R3w5"
        "jXpKCnkeFLSGvLU0kZ1wMTfITlxZYpUkzUYATG7zVRKJ0RElpMQOIHPrs1BFHhm3IvjmkCdA7XW+R0l+cmdTU0VUEQ"
        "c+7LZ96obs6HERn/gZWxp5yNGZULLJmGv8ERKQbltQGuLihqK709Wd4EBdrnNTHv347OHMoqfSovn9HTeEGOu1y5Mz"
        "8QIdOLOU75MJLwOs0b3sv2ENVQBa980xPbuQthwv83"
    ),
    "source": {
        "sha256": "c36b0976c6b8a79f42c3ef28b7ae115793aa109b5be5450d8771a26a41852ca6",
        "bytes": 772,
        "tokens": 188,
    },
    "model": "smollm2:135m-instruct-q4_1",
    "prompt_version": "1",
}

COMPRESSED: dict[str, Any] = {
    "compressed": (
        "Hi team, just a quick note about yesterday's outage.\nAround 14:35 UTC the checkout service"
        " started to return errors for some of our customers,\nWe rolled back to v2.3.0 at 15:10 UTC"
        " and everything went back to normal a few minutes later. In total about 4,300 orders were "
        "affected, none of them were lost, and Maria Lindqvist has already written to the customers"
        " who complained. Please do not deploy v2.3.1 in the meantime."
    ),
    "method": "abstractive",
    "fidelity": {"facts": 7, "kept": 0, "restored": 7, "missing": [], "invented_removed": 0},
    "sizes": {
        "source_tokens": 188,
        "compressed_tokens": 110,
        "source_bytes": 772,
        "capsule_bytes": 727,
        "token_ratio": 0.5851,
        "byte_ratio": 0.9417,
    },
    "usage": {
        "prompt_tokens": 236,
        "completion_tokens": 48,
        "calls": 1,
        "model": "smollm2:135m-instruct-q4_1",
        "engine": "embedded",
    },
    "timing": {"queue_ms": 0.011, "engine_ms": 1432.0, "total_ms": 1444.267},
    "cost": {"cloud_usd": 0.00284, "local_usd": 3.7796e-05, "savings_ratio": 0.9867},
    "capsule": CAPSULE,
}

RECONSTRUCTED: dict[str, Any] = {
    "text": TEXT,
    "mode": "exact",
    "verified": True,
    "fidelity": None,
    "usage": {
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "calls": 0,
        "model": "smollm2:135m-instruct-q4_1",
        "engine": "embedded",
    },
    "timing": {"queue_ms": 0.0, "engine_ms": 0.0, "total_ms": 0.239},
    "cost": {"cloud_usd": 0.0, "local_usd": 0.0, "savings_ratio": 0.0},
}

PROBLEM: dict[str, Any] = {
    "type": "urn:condenser:problem:invalid_request",
    "title": "The request is not valid",
    "status": 422,
    "detail": "text: Field required; txt: no such field",
    "request_id": "59c045c29db843f88449a4d641b7b4a9",
}
