"""Records, tables and settings for `benchmarks.kinds`, generated from a seed, with rare ones planted in them."""

import configparser
import csv
import io
import json
import random
import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import yaml
from defusedxml import ElementTree


@dataclass(frozen=True, slots=True)
class Sample:
    """A text of a kind, and the anomalies planted in it.

    `target`: the target ratio, or None. `is_valid` raises or is false if a result is not of the kind. `anomalies`: for
    each anomaly the strings that a result with it contains. `most`: largest allowed ratio. `decoded`: text that is
    encoded in the source (mail in base64, HTML with entities).
    """

    kind: str
    text: str
    target: float | None
    is_valid: Callable[[str], bool]
    anomalies: tuple[tuple[str, ...], ...] = ()
    most: float | None = None
    decoded: str = ""


def is_json(result: str) -> bool:
    json.loads(result)
    return True


def is_ndjson(result: str) -> bool:
    return all(isinstance(json.loads(line), dict | list) for line in result.splitlines() if line)


def is_table(columns: int, delimiter: str = ",") -> Callable[[str], bool]:
    """Whether each row has `columns` fields, except a row with the number of omitted ones."""

    def check(result: str) -> bool:
        rows = [row for row in csv.reader(io.StringIO(result), delimiter=delimiter, strict=True) if row]
        return bool(rows) and all(len(row) == columns or row[0].startswith("...") for row in rows)

    return check


def is_markdown(columns: int) -> Callable[[str], bool]:
    def check(result: str) -> bool:
        lines = result.splitlines()
        rows = [line[1:-1].split("|") for line in lines if not line.startswith("| ...")]
        return len(rows) > 2 and set(lines[1]) <= set("|-: ") and all(len(row) == columns for row in rows)

    return check


def is_yaml(result: str) -> bool:
    return isinstance(yaml.safe_load(result), dict)


def is_toml(result: str) -> bool:
    return bool(tomllib.loads(result))


def is_ini(result: str) -> bool:
    parser = configparser.RawConfigParser()
    parser.read_string(result)
    return bool(parser.sections())


def is_env(result: str) -> bool:
    return all(re.match(r"[A-Z]\w*=|#", line) for line in result.splitlines())


def is_xml(result: str) -> bool:
    return bool(len(ElementTree.fromstring(result)))


def _records(seed: int, count: int) -> list[dict[str, object]]:
    """Readings of services, with a failure, an extreme, a rare value, a missing key and an unusual one among them."""
    chance = random.Random(seed)
    made: list[dict[str, object]] = [
        {
            "service": chance.choice(("auth", "billing", "search", "mailer")),
            "region": chance.choice(("eu", "us")),
            "healthy": True,
            "cpu_percent": chance.randint(10, 60),
            "memory_megabytes": chance.randint(300, 700),
            "restarts": 0,
            "deployment_version": "v1.2.3",
        }
        for _ in range(count)
    ]
    changes: tuple[dict[str, object], ...] = (
        {"healthy": False, "restarts": 9137},
        {"memory_megabytes": 48213},
        {"region": "ap-southeast"},
        {"deployment_version": "v1.3.0-rc1"},
        {"error": "connection refused by 10.0.3.17"},
    )
    for at, change in zip(chance.sample(range(count // 10, count), len(changes)), changes, strict=True):
        made[at] |= change
    return made


_PLANTED = (("alse", "9137"), ("48213",), ("ap-southeast",), ("v1.3.0-rc1",), ("connection refused by 10.0.3.17",))


def _json(seed: int) -> Iterable[Sample]:
    few, many = _records(seed, 100), _records(seed, 1000)
    yield Sample("json, 100 pretty records", json.dumps(few, indent=2), None, is_json, _PLANTED, 0.25)
    yield Sample("json, 100 in one line", json.dumps(few), None, is_json, _PLANTED)
    yield Sample("json, 1,000 records", json.dumps(many, indent=2), 0.05, is_json, _PLANTED)
    nested = {"status": "ok", "data": {"total": len(many), "page": {"items": many}}}
    yield Sample("json, nested in an answer", json.dumps(nested, indent=2), 0.05, is_json, _PLANTED)
    yield Sample("json, 10,000 records", json.dumps(_records(seed, 10_000), indent=2), 0.02, is_json, _PLANTED)


def _ndjson(seed: int) -> Iterable[Sample]:
    lines = "\n".join(map(json.dumps, _records(seed, 1000)))
    yield Sample("ndjson, 1,000 lines", lines, 0.1, is_ndjson, _PLANTED)


def _delimited(seed: int, delimiter: str) -> str:
    records = _records(seed, 1000)
    out = io.StringIO()
    writer = csv.DictWriter(out, [*records[0], "error"], delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    out.write(delimiter.join(["total", "", "", "31337", "499000", "9137", "", "\n"]))
    return out.getvalue()


_PLANTED_CELLS = (*_PLANTED[1:], ("alse", "9137"), ("total", "31337"))


def _csv(seed: int) -> Iterable[Sample]:
    yield Sample("csv, 1,000 rows", _delimited(seed, ","), 0.1, is_table(8), _PLANTED_CELLS)
    yield Sample("tsv, 1,000 rows", _delimited(seed, "\t"), 0.1, is_table(8, "\t"), _PLANTED_CELLS)


def _markdown(seed: int) -> Iterable[Sample]:
    rows = list(csv.reader(io.StringIO(_delimited(seed, ","))))
    lines = [f"| {' | '.join(cell.ljust(18) for cell in row)} |" for row in rows]
    lines.insert(1, "|" + "-" * 20 + ("|" + "-" * 20) * (len(rows[0]) - 1) + "|")
    yield Sample("markdown, 1,000 rows", "\n".join(lines), 0.1, is_markdown(8), _PLANTED_CELLS)


def _settings(seed: int) -> Iterable[Sample]:
    chance = random.Random(seed)
    names = [f"worker{at}" for at in range(200)]
    odd = {"worker57": "limit: 9000000", "worker140": "level: disabled after an error"}
    planted = (("worker57", "9000000"), ("worker140", "disabled after an error"))
    yaml_text = "\n".join(
        f"{name}:\n  # tuned by hand\n  level: {chance.choice(('low', 'mid'))}\n  queue: jobs-{at % 7}\n"
        f"  {odd.get(name, 'limit: 300')}\n"
        for at, name in enumerate(names)
    )
    yaml_text = yaml_text.replace("  level: low\n  queue: jobs-0\n  level", "  queue: jobs-0\n  level")
    yaml_text = re.sub(r"  level: \w+\n(  queue: [^\n]+\n  level)", r"\1", yaml_text)
    yield Sample("yaml, 200 sections", yaml_text, 0.3, is_yaml, planted)
    flat = {
        name: dict(line.split(": ", 1) for line in re.findall(r"  (\w+: .+)", part))
        for name, part in zip(names, yaml_text.split("worker")[1:], strict=True)
    }
    toml_text = "\n".join(
        f"[{name}]\n" + "\n".join(f'{key} = "{value}"' for key, value in part.items()) for name, part in flat.items()
    )
    yield Sample("toml, 200 tables", toml_text, 0.3, is_toml, planted)
    yield Sample("ini, 200 sections", toml_text.replace('"', ""), 0.3, is_ini, planted)
    env = [f"{name.upper()}_{key.upper()}='{value}'" for name, part in flat.items() for key, value in part.items()]
    noise = ["PATH=/usr/local/bin:/usr/bin:/bin", "LS_COLORS=rs=0:di=01;34:ln=01;36", "SHLVL=2"] * 40
    yield Sample("env, 600 lines", "\n".join(noise + env), 0.3, is_env, (("WORKER57_LIMIT='9000000'",),))


def _xml(seed: int) -> Iterable[Sample]:
    items = "".join(
        "  <reading>\n" + "".join(f"    <{key}>{value}</{key}>\n" for key, value in record.items()) + "  </reading>\n"
        for record in _records(seed, 1000)
    )
    planted = (*_PLANTED[1:], ("alse", "9137"))
    yield Sample(
        "xml, 1,000 elements", f"<?xml version='1.0'?>\n<readings>\n{items}</readings>\n", 0.05, is_xml, planted
    )


RECORD_SAMPLES: dict[str, Callable[[int], Iterable[Sample]]] = {
    "json": _json,
    "ndjson": _ndjson,
    "csv": _csv,
    "markdown": _markdown,
    "settings": _settings,
    "xml": _xml,
}
