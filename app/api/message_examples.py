"""Examples of chat messages."""

from typing import Any

REQUEST: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello"}]}
RESPONSE: dict[str, Any] = {}
