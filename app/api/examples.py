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
    "version": 2,
    "fidelity": "exact",
    "codec": "brotli-11-p1",
    "payload": (
        "ddWvAgWEBrwBw2sJdsa4p5+BMgDGosBuOBbUaluo97ywQMZr6EUKzqnsCM5G35hCBlTKKAk0Oj1lE4sxV4T0nHOrS5"
        "AWXCsufWDea1+LpTQNdbrzjP/EPGBRN/13XCLMWV3TYox+WOER3x+bja2XC8Hwdt4MYUT/3AiE1+IuMVP0eMnRv35v"
        "KZbWNeP65/IzqYShBT2bUyUpUYe4xM+QmM5pFwk+jUjjtTkH4exwFq55aZIozygKOMADer45fgw9ELiXvV6WiM41Ng"
        "TGQhbfvTCgll0zuagQx3xldpLfQJfzVZgVI8gead6q0Ag+dtYHXYk0DR5QgFXg63JadTijWSdBeOu+GIoFeQJA6vrX"
        "iGRFkvSJA9bCeTGwmSizf/7HtDvGwGgQIgHkfD/fOAAtO03XDfLN4tFLZEK7YBg7eO1pXPE6YUHC7VZXnKmPL2Y+xi"
        "DJmrkNQDSYk/KYRwv2OWCY5cnFpDaeaIDIx77NLTcA"
    ),
    "source": {
        "sha256": "c36b0976c6b8a79f42c3ef28b7ae115793aa109b5be5450d8771a26a41852ca6",
        "bytes": 772,
        "tokens": 188,
    },
    "model": "smollm2:135m-instruct-q4_1",
    "prompt_version": "2",
}

COMPRESSED: dict[str, Any] = {
    "compressed": (
        "Around 14:35 UTC the checkout service started\nWe rolled back to v2.3.0 at 15:10 UTC\nIn tot"
        "al about 4,300 orders were affected, none of them were lost, and Maria Lindqvist has alrea"
        "dy written to the customers who complained. Please do not deploy v2.3.1 in the meantime."
    ),
    "method": "extractive",
    "fidelity": {
        "facts": 9,
        "kept": 0,
        "restored": 9,
        "missing": [],
        "left_out": [
            (
                "Hi team, just a quick note about yesterday's outage. Around 14:35 UTC the checkout service"
                " started to return errors for some of our customers, and it took us a while to understand "
                "what was going on. As far as we can tell the new version v2.3.1 opened more connections to"
                " the database than the pool allows, so requests were waiting for each other until they tim"
                "ed out. We rolled back to v2.3.0 at 15:10 UTC and everything went back to normal a few min"
                "utes later."
            ),
            (
                "Thanks to everybody who helped out, it was great to see how quickly people jumped in even "
                "though it was late for some of you."
            ),
        ],
        "invented_removed": 0,
        "made": {"sentences": 0, "dropped": 0, "corrected": 0, "segments": 3, "structure": ["prose"], "degraded": None},
    },
    "sizes": {
        "source_tokens": 188,
        "compressed_tokens": 75,
        "source_bytes": 772,
        "capsule_bytes": 730,
        "token_ratio": 0.3989,
        "byte_ratio": 0.9456,
    },
    "usage": {
        "prompt_tokens": 236,
        "completion_tokens": 48,
        "calls": 1,
        "model": "smollm2:135m-instruct-q4_1",
        "engine": "embedded",
    },
    "timing": {"queue_ms": 0.014, "engine_ms": 1743.0, "total_ms": 1792.111},
    "cost": {"cloud_usd": 0.00284, "local_usd": 4.8419e-05, "savings_ratio": 0.983},
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
    "timing": {"queue_ms": 0.0, "engine_ms": 0.0, "total_ms": 0.749},
    "cost": {"cloud_usd": 0.0, "local_usd": 0.0, "savings_ratio": 0.0},
}

PROBLEM: dict[str, Any] = {
    "type": "urn:condenser:problem:invalid_request",
    "title": "The request is not valid",
    "status": 422,
    "detail": "text: Field required; txt: no such field",
    "request_id": "42846dad08004524923f50a533a61804",
}
