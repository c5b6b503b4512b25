"""What the commands read: texts, capsules, folders and JSON lines."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.ops.exits import USAGE, CommandError

_SUFFIXES = frozenset({".txt", ".md", ".rst", ".log", ".csv", ".json", ".yaml", ".yml", ".html", ".xml", ".eml", ""})


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a batch: a name for people, the body to send, and `key`, the same for the same work."""

    name: str
    body: Mapping[str, object]
    key: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that can't be an item, and why."""

    name: str
    reason: str


def read_bytes(source: str) -> bytes:
    """A file's content, or standard input for `-`. Raises CommandError."""
    if source == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise CommandError(f"can't read {source}: {error.strerror}", USAGE) from None


def read_text(source: str) -> str:
    """A text in UTF-8. Raises CommandError where it is none, or empty."""
    try:
        text = read_bytes(source).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CommandError(f"{_named(source)} is no UTF-8 text (byte {error.start})", USAGE) from None
    if not text:
        raise CommandError(f"{_named(source)} is empty", USAGE)
    return text


def read_capsule(source: str) -> object:
    """A capsule, or the one in an answer of `/compress`, from JSON. Raises CommandError."""
    data = read_bytes(source)
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise CommandError(f"{_named(source)} is no JSON", USAGE) from None
    capsule = capsule_in(found)
    if capsule is None:
        raise CommandError(f"{_named(source)} holds no capsule: an object with version and payload", USAGE)
    return capsule


def capsule_in(found: object) -> object | None:
    """The capsule that `found` is or has in it: an answer of `/compress`, or a line of a batch's results."""
    for key in ("result", "capsule"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not {"version", "payload"} <= found.keys():
        return None
    return found


def items(source: Path, operation: str, options: Mapping[str, object]) -> Iterator[Item | Unreadable]:
    """The items in a folder of texts, or in a file of JSON lines, in order. Raises CommandError for the whole.

    A line is a text, or a body of `/compress` or `/reconstruct`; `options` are for what a body does not say itself.
    """
    if source.is_dir():
        yield from _in_folder(source, options)
        return
    try:
        data = source.read_bytes()
    except OSError as error:
        raise CommandError(f"can't read {source}: {error.strerror}", USAGE) from None
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            yield _of_line(f"line {number}", line, operation, options)


def _in_folder(folder: Path, options: Mapping[str, object]) -> Iterator[Item | Unreadable]:
    def refuse(error: OSError) -> None:
        raise CommandError(f"can't read {error.filename}: {error.strerror}", USAGE)

    for root, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(root) / name
            if not name.startswith(".") and path.suffix.lower() in _SUFFIXES:
                yield _of_file(str(path.relative_to(folder)), path, options)


def _of_file(name: str, path: Path, options: Mapping[str, object]) -> Item | Unreadable:
    try:
        body = {**options, "text": path.read_bytes().decode("utf-8")}
        return Item(name, body, _key([name, body]))
    except OSError as error:
        return Unreadable(name, f"can't be read: {error.strerror}")
    except UnicodeDecodeError as error:
        return Unreadable(name, f"is no UTF-8 text (byte {error.start})")


def _of_line(name: str, line: bytes, operation: str, options: Mapping[str, object]) -> Item | Unreadable:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Unreadable(name, f"is no JSON: {error}")
    if operation == "reconstruct":
        capsule = capsule_in(found)
        found = None if capsule is None else {"capsule": capsule}
        return Unreadable(name, "holds no capsule") if found is None else Item(name, found, _key(found))
    if isinstance(found, str):
        found = {"text": found}
    if not isinstance(found, dict):
        return Unreadable(name, "is neither a text nor an object")
    body = {**options, **found}
    # By what a line says, not by its number: lines may be added and moved.
    return Item(name, body, _key(body))


def _key(work: object) -> str:
    return hashlib.sha256(json.dumps(work, sort_keys=True).encode()).hexdigest()[:32]


def _named(source: str) -> str:
    return "standard input" if source == "-" else source
