"""A fenced Markdown block whose content has no known form: lines between fences."""

from collections.abc import Sequence
from dataclasses import dataclass

import regex

from app.text.kinds.form import Kind, Part
from app.text.kinds.spans import filled_lines

_FENCE = regex.compile(r"[ ]{0,3}(?P<fence>`{3,}|~{3,})(?P<info>[^\n`]*)$")

_FENCE_WORTH = -0.1  # fences are only worth taking with a line between them


@dataclass(frozen=True, slots=True)
class FencedLines:
    """Lines between fences. The first part is the opening fence; the last part is the closing fence if there is one."""

    start: int
    end: int
    text: str
    fence: str
    is_closed: bool
    parts: Sequence[Part]
    kind: Kind = "code"

    def render(self, chosen: Sequence[int]) -> str:
        """The chosen lines between their fences, with counts of omitted lines in their places."""
        lines: list[str] = []
        before = -1
        for number in chosen:
            if number > before + 1:
                lines.append(f"... {number - before - 1} more")
            part, last = self.parts[number], self.parts[number - 1] if number else None
            if last is not None and before == number - 1:
                lines += [""] * (self.text.count("\n", last.end - self.start, part.start - self.start) - 1)
            lines.append(self.text[part.start - self.start : part.end - self.start])
            before = number
        missing = len(self.parts) - 1 - before
        lines += [f"... {missing} more"] if missing else []
        return "\n".join(lines if self.is_closed else [*lines, self.fence])


def read(text: str, start: int, end: int) -> FencedLines | None:
    """The form of a slice from an opening fence to the closing fence or the end of the text."""
    source = text[start:end]
    spans = list(filled_lines(text, start, end))
    opening = _FENCE.match(text, *spans[0]) if spans else None
    if opening is None or len(spans) < 2:
        return None
    closing = _FENCE.match(text, *spans[-1])
    is_closed = closing is not None and not closing["info"].strip() and closing["fence"].startswith(opening["fence"])
    fences = (0, len(spans) - 1) if is_closed else (0,)
    parts = [
        Part(*span, tuple(fence for fence in fences if fence != number), _FENCE_WORTH if number in fences else 0.0)
        for number, span in enumerate(spans)
    ]
    return FencedLines(start, end, source, opening["fence"], is_closed, tuple(parts))
