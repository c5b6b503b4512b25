"""The examples that the OpenAPI document and `/docs` show: real answers, to requests with `method` extractive."""

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
    "codec": "zstd",
    "payload": (
        "0HtEZUz1EfMBhAbeAWDoA+0KACPGEuPGOVXTfRxedv5oX5/qzLRkxWdpjMyto52mB23LzSi7+qSp6ZpuvZfUsA0TlW"
        "p9DV492rgSzVk8i5zmh0+f49FtxUVtFAAFm8cCAWysMI2TxhBGCCFGqSweGUl6S2kZZSPAIG1lRsA3jPBooAWW2ruO"
        "DfJtpTJIooVVEcd81l1QlLVwjRayt6MkJ0DsF7JCDvcwsN4VSJlWoX5sAci8HGDIezByw/3496e/CLbz8zyWJYF7lp"
        "3OLiFMlSL//bzmKC1uADoMLC3x+sSabY45FZjzKaaujgKTG0nReMAw1dO+0MjVXGn3EhbJSSRPVjXHzcsgZlvnuPWm"
        "ab5BRE30kTw7vLuDOkU1hBJ69jKv67zw5yErmogfxf3j4WyBlM/8QqJL1OSFHQob8uwafNH3rMhC92MlZXFqqK9z9t"
        "cDQz3LDETbE4LLJS/iMMl7sHufgz0Ae7Yv2fX2AQs="
    ),
    "source": {
        "sha256": "c36b0976c6b8a79f42c3ef28b7ae115793aa109b5be5450d8771a26a41852ca6",
        "bytes": 772,
        "tokens": 222,
    },
    "model": "smollm2:135m-instruct-q4_1",
    "prompt_version": "3",
}

COMPRESSED: dict[str, Any] = {
    "compressed": (
        "Around 14:35 UTC the checkout service started to return errors for some of our customers, "
        "and it took us a while to understand what was going on. As far as we can tell the new vers"
        "ion v2.3.1 opened more connections to the database than the pool allows, so requests were "
        "waiting for each other until they timed out. We rolled back to v2.3.0 at 15:10 UTC and eve"
        "rything went back to normal a few minutes later. Please do not deploy v2.3.1 in the meanti"
        "me."
    ),
    "method": "extractive",
    "capsule": CAPSULE,
    "fidelity": {
        "facts": 7,
        "kept": 5,
        "missing": ["4,300", "Maria Lindqvist"],
        "missing_count": 2,
        "passages": [
            {
                "start": 0,
                "end": 408,
                "by": "source",
                "source": [[53, 461]],
                "support": 1.0,
            },
            {
                "start": 409,
                "end": 453,
                "by": "source",
                "source": [[602, 646]],
                "support": 1.0,
            },
        ],
        "omitted": [[0, 52], [462, 601], [647, 772]],
        "structure": ["prose"],
        "summary": {
            "written": 0,
            "stood": 0,
            "taken": 0,
        },
    },
    "sizes": {
        "source_tokens": 222,
        "compressed_tokens": 136,
        "source_bytes": 772,
        "capsule_bytes": 722,
        "token_ratio": 0.6126,
        "byte_ratio": 0.9352,
    },
    "usage": {
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "calls": 0,
        "model": "smollm2:135m-instruct-q4_1",
        "engine": "embedded",
        "cached": False,
    },
    "timing": {
        "queue_ms": 0.0,
        "engine_ms": 0.0,
        "total_ms": 2.55,
    },
    "cost": {
        "cloud_usd": 0.0,
        "local_usd": 0.0,
        "savings_ratio": 0.0,
        "reader_tokens_saved": 86,
        "reader_usd_saved": 0.0000086,
    },
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
        "cached": False,
    },
    "timing": {
        "queue_ms": 0.0,
        "engine_ms": 0.0,
        "total_ms": 0.27,
    },
    "cost": {
        "cloud_usd": 0.0,
        "local_usd": 0.0,
        "savings_ratio": 0.0,
    },
}

PROBLEM: dict[str, Any] = {
    "type": "urn:condenser:problem:invalid_request",
    "title": "The request is not valid",
    "status": 422,
    "detail": "text: Field required; txt: no such field",
    "request_id": "42846dad08004524923f50a533a61804",
}
