"""Diffs and code for `benchmarks.kinds`: generated from a seed, and files of Python's own library."""

import ast
import importlib
import inspect
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import tree_sitter_go
import tree_sitter_typescript
from tree_sitter import Language, Parser
from unidiff.errors import UnidiffParseError
from unidiff.patch import Hunk, PatchSet

from benchmarks.kind_samples import Sample

_LIBRARY = ("json.decoder", "textwrap", "heapq", "fractions")
_VERBS = ("load", "store", "merge", "count", "check", "drop", "rank", "join")
_LOCK = "package-lock.json"


# Validity


def _is_diff_of(old: Mapping[str, str], new: Mapping[str, str]) -> Callable[[str], bool]:
    """Whether a result is a diff whose hunks say what stands in both versions of a file, at the lines they name."""

    def is_true(path: str, hunk: Hunk) -> bool:
        before = old[path].splitlines()[hunk.source_start - 1 :][: hunk.source_length]
        after = new[path].splitlines()[hunk.target_start - 1 :][: hunk.target_length]
        source = [line.value.rstrip("\n") for line in hunk.source_lines()]
        target = [line.value.rstrip("\n") for line in hunk.target_lines()]
        return source == before and target == after

    def check(result: str) -> bool:
        try:
            patch = PatchSet(result)
        except UnidiffParseError as error:
            raise ValueError(str(error)) from error
        return bool(patch) and all(is_true(file.path, hunk) for file in patch for hunk in file)

    return check


def _is_python(result: str) -> bool:
    try:
        return bool(ast.parse(result).body)
    except SyntaxError as error:
        raise ValueError(str(error)) from error


def _is_code(grammar: object) -> Callable[[str], bool]:
    """Whether code parses by a language's grammar; no compiler of it is at hand."""
    parser = Parser(Language(grammar))
    return lambda result: not parser.parse(result.encode() + b"\n").root_node.has_error


# Samples


def _python(seed: int, name: str) -> str:
    """A module of twelve functions."""
    chance = random.Random(seed)
    lines = [f'"""What the service does about {name}."""', ""]
    for number in range(12):
        lines += ["", f"def {chance.choice(_VERBS)}_{name}_{number}(value: int, limit: int = {number}) -> int:"]
        lines += [f'    """Return the value as {name} {number} wants it."""']
        for step in range(chance.randint(8, 16)):
            lines.append(f"    value = (value * {chance.randint(2, 99)} + {step}) % {chance.randint(100, 9999)}")
        lines += ["    return value", ""]
    return "\n".join(lines)


def _changed(chance: random.Random, text: str, count: int) -> tuple[str, list[str]]:
    """The text with `count` statements changed, far from each other, and what the changed lines say."""
    lines = text.splitlines()
    places = [at for at, line in enumerate(lines) if line.startswith("    value = ")]
    step = len(places) // count
    changed = []
    for at in sorted(places[step * number + step // 2] for number in range(count)):
        lines[at] = f"    value = clamp(value, {chance.randint(10_000, 99_999)})"
        changed.append(lines[at])
    return "\n".join(lines) + "\n", changed


def _lock(chance: random.Random) -> str:
    return "\n".join(
        f'    "node_modules/package{at}": {{\n      "version": "{chance.randint(1, 9)}.{chance.randint(0, 30)}.0",\n'
        f'      "integrity": "sha512-{chance.randrange(16**40):040x}"\n    }},'
        for at in range(60)
    )


def _git_diff(old: Mapping[str, str], new: Mapping[str, str], context: int) -> str:
    git = shutil.which("git")
    assert git is not None, "the benchmark of diffs needs git"
    with tempfile.TemporaryDirectory() as folder:
        for side, files in (("a", old), ("b", new)):
            for name, text in files.items():
                path = Path(folder, side, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        command = [git, "diff", "--no-index", f"-U{context}", "--no-color", "--src-prefix=", "--dst-prefix=", "a", "b"]
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert run.stdout, run.stderr
    return run.stdout


def _diff(seed: int) -> Iterable[Sample]:
    chance = random.Random(seed)
    old = {f"src/{name}.py": _python(seed + at, name) for at, name in enumerate(("order", "price", "route", "token"))}
    new: dict[str, str] = {}
    planted: list[tuple[str, ...]] = []
    for path, text in old.items():
        new[path], changed = _changed(chance, text, 10)
        planted += [("+" + line,) for line in changed]
    is_valid = _is_diff_of(old, new)
    text = _git_diff(old, new, 3)
    yield Sample("diff, 40 hunks", text, None, is_valid, tuple(planted))
    yield Sample("diff, 40 hunks", text, 0.3, is_valid)
    wide = _git_diff(old, new, 12)
    yield Sample("diff, 12 lines of context", wide, 0.75, is_valid, tuple(planted))
    old[_LOCK], new[_LOCK] = _lock(chance), _lock(chance)
    noisy = _git_diff(old, new, 3)
    yield Sample("diff, with a lock file", noisy, 0.5, _is_diff_of(old, new), tuple(planted))


def _signatures(text: str, body: Iterable[ast.stmt]) -> Iterator[tuple[str, ...]]:
    """The public signatures of a module's functions, classes and methods, to the letter."""
    lines = text.splitlines()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            stop = node.body[0].lineno - 1
            yield ("\n".join(lines[node.lineno - 1 : max(stop, node.lineno)]).split(":\n")[0].strip(),)
            if isinstance(node, ast.ClassDef):
                yield from _signatures(text, node.body)


def _typescript(seed: int) -> tuple[str, list[str]]:
    chance = random.Random(seed)
    lines = ['import { Pool } from "pg";', ""]
    signatures = []
    for number in range(20):
        name = f"{chance.choice(_VERBS)}Batch{number}"
        shape = f"export interface Batch{number}"
        function = f"export async function {name}(pool: Pool, batch: Batch{number}, limit = {number}): Promise<number>"
        signatures += [shape, function]
        lines += [f"{shape} {{", "  id: string;", f"  size{number}?: number;", "}", ""]
        lines += [f"/** Handles batches of sort {number}. */", f"{function} {{", "  let total = 0;"]
        for _ in range(chance.randint(8, 16)):
            lines.append(f"  total = (total * {chance.randint(2, 99)} + limit) % {chance.randint(100, 9999)};")
        lines += ["  return total;", "}", ""]
    return "\n".join(lines), signatures


def _go(seed: int) -> tuple[str, list[str]]:
    chance = random.Random(seed)
    lines = ["package batch", "", 'import "context"', ""]
    signatures = []
    for number in range(20):
        shape = f"type Batch{number} struct"
        method = f"func (b *Batch{number}) {chance.choice(_VERBS).title()}(ctx context.Context, limit int) (int, error)"
        signatures += [shape, method]
        lines += [f"{shape} {{", "\tID string", f"\tSize{number} int", "}", ""]
        lines += [f"// It handles batches of sort {number}.", f"{method} {{", "\ttotal := 0"]
        for _ in range(chance.randint(8, 16)):
            lines.append(f"\ttotal = (total*{chance.randint(2, 99)} + limit) % {chance.randint(100, 9999)}")
        lines += ["\treturn total, nil", "}", ""]
    return "\n".join(lines), signatures


def _code(seed: int) -> Iterable[Sample]:
    made = _python(seed, "order") + "\n" + _python(seed + 1, "price")
    texts = {"generated": made} | {name: inspect.getsource(importlib.import_module(name)) for name in _LIBRARY}
    for name, text in texts.items():
        planted = tuple(_signatures(text, ast.parse(text).body))
        yield Sample(f"code, Python, {name}", text, None, _is_python, planted, 0.45)
    text, signatures = _typescript(seed)
    is_typescript = _is_code(tree_sitter_typescript.language_typescript())
    yield Sample("code, TypeScript, generated", text, None, is_typescript, tuple((one,) for one in signatures), 0.45)
    text, signatures = _go(seed)
    is_go = _is_code(tree_sitter_go.language())
    yield Sample("code, Go, generated", text, None, is_go, tuple((one,) for one in signatures), 0.45)


CODE_SAMPLES: dict[str, Callable[[int], Iterable[Sample]]] = {"diff": _diff, "code": _code}
