"""In which order the items of a batch are begun."""

from collections.abc import Mapping, Sequence


def begin_order(items: Sequence[object]) -> list[int]:
    """Indexes of `items`, raw bodies, in the order in which to begin them.

    Items whose prompts share a front come one after another, so that the engine's prefix cache serves them. Within
    that, long ones come first, so that none is left running alone at the end: the longest-processing-time rule is at
    most a third off the shortest makespan (Graham, Bounds on Multiprocessing Timing Anomalies, 1969).
    """
    fronts = [_front(item) for item in items]
    sizes = [_size(item) for item in items]
    longest: dict[tuple[str, str], int] = {}
    for front, size in zip(fronts, sizes, strict=True):
        longest[front] = max(size, longest.get(front, 0))
    return sorted(range(len(items)), key=lambda at: (-longest[fronts[at]], fronts[at], -sizes[at]))


def _front(item: object) -> tuple[str, str]:
    if not isinstance(item, Mapping):
        return "", ""
    return str(item.get("model") or ""), str(item.get("question") or "")


def _size(item: object) -> int:
    """Characters of what the model is to read, as far as an item that is not checked yet can tell."""
    if not isinstance(item, Mapping):
        return 0
    messages = item.get("messages")
    if isinstance(messages, list):
        contents = [message.get("content") for message in messages if isinstance(message, Mapping)]
        return sum(len(content) for content in contents if isinstance(content, str))
    capsule = item.get("capsule")
    text = capsule.get("payload") if isinstance(capsule, Mapping) else item.get("text")
    return len(text) if isinstance(text, str) else 0
