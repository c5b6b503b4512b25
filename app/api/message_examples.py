"""Examples of chat messages in the OpenAPI document and in `/docs`: a real answer, without a model call."""

from typing import Any

_CALL = {"id": "call_1", "type": "function", "function": {"name": "bash", "arguments": '{"command": "pytest -v"}'}}
_MESSAGES: list[dict[str, Any]] = [
    {"role": "user", "content": "Please repair the tax on books."},
    {"role": "assistant", "content": "I will run the tests.", "tool_calls": [_CALL]},
    {
        "role": "tool",
        "tool_call_id": "call_1",
        "content": "\n".join(
            [
                *(f"tests/test_cart.py::test_case_{n:02} PASSED" for n in range(1, 25)),
                "tests/test_tax.py::test_reduced_rate FAILED",
            ]
        ),
    },
    {"role": "assistant", "content": "One test fails."},
    {"role": "user", "content": "Which one?"},
]
_SHORT = "tests/test_cart.py::test_case_01 PASSED\n... 23 more like this\ntests/test_tax.py::test_reduced_rate FAILED"

REQUEST: dict[str, Any] = {"messages": _MESSAGES, "keep_last": 2, "method": "extractive"}

RESPONSE: dict[str, Any] = {
    "messages": [*_MESSAGES[:2], {**_MESSAGES[2], "content": _SHORT}, *_MESSAGES[3:]],
    **{
        "method": "extractive",
        "changed": [
            {
                "index": 2,
                "method": "extractive",
                "capsule": {
                    "version": 1,
                    "fidelity": "exact",
                    "codec": "zstd",
                    "payload": (
                        "Wez8ym1MHyoB6wfBA2BzA8UEAIQEGgEz6wcvY2FydC5weTo6c2VfMDEgUEFTU0VECjIzNDU2Nzg5MTAxMjM0NTY3OD"
                        "kyMDEyMzR0YXhyZWRfRkFJTEVELi4uaGlzJeBAwxklKdQBsTH33+KEfi91lot7BCsrAsnI8uy0MGWrJEsotTxle1Bi"
                        "acooq8TylFJe2R8oobQyy1JCeVAqWdNuwfIXNi2mpgW/zQgF"
                    ),
                    "source": {
                        "sha256": "517c7629e5b91f780f38f47ef3ef95f02a3911ccbfbe5f92e6533600b72ff250",
                        "bytes": 1003,
                        "tokens": 449,
                    },
                    "model": "smollm2:135m-instruct-q4_1",
                    "prompt_version": "3",
                },
                "fidelity": {
                    "facts": 29,
                    "kept": 6,
                    "missing": [
                        "test_case_02",
                        "test_case_03",
                        "test_case_04",
                        "test_case_05",
                        "test_case_06",
                        "test_case_07",
                        "test_case_08",
                        "test_case_09",
                        "test_case_10",
                        "test_case_11",
                        "test_case_12",
                        "test_case_13",
                        "test_case_14",
                        "test_case_15",
                        "test_case_16",
                        "test_case_17",
                        "test_case_18",
                        "test_case_19",
                        "test_case_20",
                        "test_case_21",
                    ],
                    "missing_count": 23,
                    "passages": [
                        {"start": 0, "end": 105, "by": "source", "source": [[0, 39], [960, 1003]], "support": 1.0}
                    ],
                    "omitted": [[40, 959]],
                    "structure": ["log"],
                    "summary": {"written": 0, "stood": 0, "taken": 0},
                },
                "sizes": {
                    "source_tokens": 449,
                    "compressed_tokens": 44,
                    "source_bytes": 1003,
                    "capsule_bytes": 459,
                    "token_ratio": 0.098,
                    "byte_ratio": 0.4576,
                },
            }
        ],
        "older": {"messages": 3, "source_tokens": 464, "compressed_tokens": 59, "token_ratio": 0.1272},
        "sizes": {
            "source_tokens": 471,
            "compressed_tokens": 66,
            "source_bytes": 1080,
            "capsule_bytes": 459,
            "token_ratio": 0.1401,
            "byte_ratio": 0.425,
        },
        "usage": {
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "calls": 0,
            "model": "smollm2:135m-instruct-q4_1",
            "engine": "embedded",
            "cached": False,
        },
        "timing": {"queue_ms": 0.0, "engine_ms": 0.0, "total_ms": 3.1},
        "cost": {
            "cloud_usd": 0.0,
            "local_usd": 0.0,
            "savings_ratio": 0.0,
            "reader_tokens_saved": 405,
            "reader_usd_saved": 4.05e-05,
        },
    },
}
