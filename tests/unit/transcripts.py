"""Chat messages as agents and people write them."""

import json
from typing import Any

from tests.unit.service import TEXT

Messages = list[dict[str, Any]]

ORDERS = json.dumps(
    [
        {"id": f"ord_{at:05}", "status": "paid", "country": "DE", "total": at * 7.5, "currency": "EUR", "tags": []}
        for at in range(80)
    ]
    + [{"id": "ord_00099", "status": "refund_failed", "country": "DE", "total": 11.2, "error": "card expired"}]
)
PYTEST = "\n".join(
    [
        "============================= test session starts ==============================",
        *(f"tests/test_cart.py::test_case_{at:03} PASSED                     [{at:3}%]" for at in range(1, 99)),
        "tests/test_tax.py::test_reduced_rate FAILED                        [100%]",
        "E       AssertionError: assert Decimal('7.60') == Decimal('2.62')",
        "=================== 1 failed, 98 passed in 4.31s ===================",
    ]
)
GREP = "\n".join(f"src/shop/module_{at:02}.py:{at * 7 + 1}:    tax = rate_of({at})" for at in range(80))


def calling(text: str | None, *calls: tuple[str, str]) -> dict[str, Any]:
    """An assistant's message with calls by their id and the tool's name."""
    made = [
        {"id": name, "type": "function", "function": {"name": tool, "arguments": json.dumps({"path": TEXT})}}
        for name, tool in calls
    ]
    return {"role": "assistant", "content": text, "tool_calls": made}


def result(call: str, content: str) -> dict[str, Any]:
    """A tool's result."""
    return {"role": "tool", "tool_call_id": call, "content": content}


def agent() -> Messages:
    """An agent at work: three long results, then two short messages and the user's last word."""
    return [
        {"role": "system", "content": f"You are a coding agent. {TEXT}"},
        {"role": "user", "content": "Books in Germany are charged 19 % VAT. Fix it, and don't touch the rounding."},
        calling("I will run the tests and look for the rate.", ("call_1", "Bash"), ("call_2", "Grep")),
        result("call_1", PYTEST),
        result("call_2", GREP),
        calling(None, ("call_3", "list_orders")),
        result("call_3", ORDERS),
        {"role": "assistant", "content": "The rate is wrong in shop/tax.py."},
        {"role": "user", "content": "Good. Open the pull request."},
    ]
