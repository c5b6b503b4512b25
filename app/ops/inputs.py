"""Input of the commands: texts, capsules, folders and JSON lines."""

import hashlib
import json
import mimetypes
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from app.ops.exits import USAGE, CommandError
from app.ops.options import Operation

_MOST_NOTICES = 20
_NO_TEXT = "is not a text"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a batch: a name for people, the body to send, and `key`, a hash of the body."""

    name: str
    body: Mapping[str, object]
    key: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An input that can't be an item, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or folder that is not an item, and why."""

    name: str
    reason: str


def read_bytes(source: str | None) -> bytes:
    """A file's content, or standard input for None and `-`. Raises CommandError."""
    if source is None or source == "-":
        return _standard_input(is_explicit=source == "-")
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise CommandError(f"can't read {source}: {error.strerror}", USAGE) from None


def _standard_input(*, is_explicit: bool) -> bytes:
    if sys.stdin is None or sys.stdin.closed:
        raise CommandError("standard input is closed: name a file", USAGE)
    if sys.stdin.isatty():
        if not is_explicit:
            raise CommandError("there is no input: name a file, pipe a text in, or use - to type one", USAGE)
        sys.stderr.write("Type or paste the text; end it with Ctrl-D at the start of a line.\n")
    return sys.stdin.buffer.read()


def read_text(source: str | None) -> str:
    """A text in UTF-8. Raises CommandError if it is not valid UTF-8, or empty."""
    try:
        text = read_bytes(source).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CommandError(f"{_named(source)} is not UTF-8 text (byte {error.start})", USAGE) from None
    if not text:
        raise CommandError(f"{_named(source)} is empty", USAGE)
    return text


def read_answer(source: str) -> dict[str, Any]:
    """An answer of `/compress`, from JSON. Raises CommandError."""
    answer = _read_json(source)
    if not isinstance(answer, dict) or not {"compressed", "fidelity", "sizes", "timing"} <= answer.keys():
        raise CommandError(f"{_named(source)} is not an answer of `condenser compress --json`", USAGE)
    return answer


def _read_json(source: str | None) -> object:
    try:
        return json.loads(read_bytes(source))
    except (ValueError, RecursionError):
        raise CommandError(f"{_named(source)} is not JSON", USAGE) from None


def read_capsule(source: str | None) -> object:
    """A capsule, possibly inside an answer of `/compress`, from JSON. Raises CommandError."""
    capsule = capsule_in(_read_json(source))
    if capsule is None:
        raise CommandError(f"{_named(source)} contains no capsule (an object with version and payload)", USAGE)
    return capsule


def capsule_in(value: object) -> object | None:
    """The capsule that `value` is or contains: an answer of `/compress`, or a line of a batch's results."""
    for key in ("result", "capsule"):
        if isinstance(value, dict) and isinstance(value.get(key), dict):
            value = value[key]
    if not isinstance(value, dict) or not {"version", "payload"} <= value.keys():
        return None
    return value


def read_batch(
    source: str | None,
    operation: Operation,
    options: Mapping[str, object],
    console: Console,
    out: Path | None = None,
) -> list[Item | Unreadable]:
    """All items of a batch; files of a folder that are not items are listed on `console`. Raises CommandError.

    `source`: a folder, a file of JSON lines, or None or `-` for lines on standard input. `out`: the file of the
    results, which is not an item.
    """
    batch: list[Item | Unreadable] = []
    left_out: list[LeftOut] = []
    for item in items(source, operation, options, out):
        if isinstance(item, LeftOut):
            left_out.append(item)
        else:
            batch.append(item)
    for item in left_out[:_MOST_NOTICES]:
        console.print(f"left out: {item.name}: {item.reason}")
    if len(left_out) > _MOST_NOTICES:
        console.print(f"left out: {len(left_out) - _MOST_NOTICES} more")
    return batch


def items(
    source: str | None, operation: Operation, options: Mapping[str, object], out: Path | None = None
) -> Iterator[Item | Unreadable | LeftOut]:
    """The items in a folder of texts or capsules, or in JSON lines, in order. Raises CommandError if `source` can't be
    read.

    A line is a text, or a body of `/compress` or `/reconstruct`; `options` are defaults for fields that a body lacks.
    """
    if source is not None and Path(source).is_dir():
        yield from _in_folder(Path(source), operation, options, out)
        return
    for number, line in enumerate(read_bytes(source).splitlines(), 1):
        if line.strip():
            yield _of_line(f"line {number}", line, operation, options)


def _in_folder(
    folder: Path, operation: Operation, options: Mapping[str, object], out: Path | None
) -> Iterator[Item | Unreadable | LeftOut]:
    def refuse(error: OSError) -> None:
        raise CommandError(f"can't read {error.filename}: {error.strerror}", USAGE)

    for root, folders, files in os.walk(folder, onerror=refuse):
        inside = Path(root).relative_to(folder)
        hidden = [f"{name}/" for name in folders if name.startswith(".")]
        hidden += [name for name in files if name.startswith(".")]
        yield from (LeftOut(str(inside / name), "is hidden") for name in sorted(hidden))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in files if not name.startswith(".")):
            path = Path(root) / name
            if out is not None and out.exists() and path.exists() and path.samefile(out):
                yield LeftOut(str(inside / name), "is the file of the results")
            else:
                yield _of_file(str(inside / name), path, operation, options)


def _of_file(name: str, path: Path, operation: Operation, options: Mapping[str, object]) -> Item | Unreadable | LeftOut:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return LeftOut(name, "is not a regular file")
        data = path.read_bytes()
    except OSError as error:
        return Unreadable(name, f"can't be read: {error.strerror}")
    if not data.strip():
        return LeftOut(name, "is empty")
    if operation == "reconstruct":
        try:
            capsule = capsule_in(json.loads(data))
        except (ValueError, RecursionError):
            capsule = None
        body: dict[str, object] = {"capsule": capsule}
        return LeftOut(name, "contains no capsule") if capsule is None else Item(name, body, _key([name, body]))
    try:
        body = {**options, "text": data.decode("utf-8")}
    except UnicodeDecodeError as error:
        kind = mimetypes.guess_type(name)[0] or "text/"
        if b"\0" in data or not kind.startswith("text/"):
            return LeftOut(name, _NO_TEXT)
        return Unreadable(name, f"is not UTF-8 text (byte {error.start})")
    if b"\0" in data:
        return LeftOut(name, _NO_TEXT)
    return Item(name, body, _key([name, body]))


def _of_line(name: str, line: bytes, operation: Operation, options: Mapping[str, object]) -> Item | Unreadable:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Unreadable(name, f"is not JSON: {error}")
    if operation == "reconstruct":
        capsule = capsule_in(value)
        value = None if capsule is None else {"capsule": capsule}
        return Unreadable(name, "contains no capsule") if value is None else Item(name, value, _key(value))
    if isinstance(value, str):
        value = {"text": value}
    if not isinstance(value, dict):
        return Unreadable(name, "is neither a text nor an object")
    body = {**options, **value}
    # The key depends on a line's content, not its number: lines may be added and moved.
    return Item(name, body, _key(body))


def _key(work: object) -> str:
    return hashlib.sha256(json.dumps(work, sort_keys=True).encode()).hexdigest()[:32]


def _named(source: str | None) -> str:
    return "standard input" if source is None or source == "-" else source
