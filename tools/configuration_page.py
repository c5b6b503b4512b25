"""Writes docs/configuration.md from the settings in app/settings.py.

.venv/bin/python -m tools.configuration_page
"""

from pathlib import Path

from app.settings import PREFIX, sections

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"

_OPENING = """\
# Configuration

<!-- Written by `python -m tools.configuration_page` from app/settings/. Change it there. -->

Condenser is configured by environment variables that begin with `CONDENSER_`, or by lines in a file `.env` in the
working directory. The environment wins over `.env`, and options of `condenser serve` win over both. A bad value stops
the start with a message that names the variable (exit code 2). `condenser serve --help` prints the same list.

Most installations set three: `CONDENSER_OLLAMA_URL`, `CONDENSER_MODEL` and `CONDENSER_MAX_CONCURRENCY`. A service that
other machines may reach also needs `CONDENSER_HOST` and `CONDENSER_API_KEYS`; see [Security](security.md).

`make run` sets two of them unless the environment does: `CONDENSER_ENGINE=auto`, and `CONDENSER_REQUEST_TIMEOUT_S=600`,
because the embedded engine needs minutes for a long text on two cores.
"""


def page() -> str:
    """The whole page, in Markdown."""
    lines = [_OPENING]
    for title, rows in sections():
        lines.append(f"\n## {title}\n\n| variable | default | meaning |\n| --- | --- | --- |\n")
        lines += [f"| `{variable}` | {_code(default)} | {meaning} |\n" for variable, default, meaning in rows]
    lines.append(
        "\n## Variables that are not settings\n\n"
        "| variable | meaning |\n| --- | --- |\n"
        "| `OTEL_EXPORTER_OTLP_ENDPOINT` | collector for traces; see [Operations](operations.md#traces) |\n"
        f"| `{PREFIX}API_KEY` | key that the `condenser` command sends to a service |\n"
    )
    return "".join(lines)


def _code(default: str) -> str:
    return default if default == "unset" else f"`{default}`"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
