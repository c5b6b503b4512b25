"""Files as agents' tools show them, each line behind its number."""

import ast

import pytest

from app.compression.compressor import CompressOptions, compress_extractive
from app.text.document import read

CODE = '''"""Rates of tax."""

from decimal import Decimal

RATES = {"DE": Decimal("0.19"), "FR": Decimal("0.20")}


def rate_of(country: str, kind: str) -> Decimal:
    """The rate for a kind of goods in a country."""
    rate = RATES[country]
    if kind == "book" and country == "DE":
        rate = Decimal("0.07")
    for _ in range(3):
        rate = rate.quantize(Decimal("0.01"))
    return rate


def tax_of(net: Decimal, country: str, kind: str) -> Decimal:
    """The tax on a net price."""
    tax = net * rate_of(country, kind)
    tax = tax.quantize(Decimal("0.01"))
    return tax
'''


def numbered(text: str, mark: str, first: int = 1) -> str:
    return "\n".join(f"{number:6}{mark}{line}" for number, line in enumerate(text.splitlines(), first))


@pytest.mark.parametrize("mark", ["\t", "→", " | "])
def test_code_behind_line_numbers_becomes_an_outline_without_them(mark: str) -> None:
    result = compress_extractive(CompressOptions(numbered(CODE, mark)))
    assert result.report.structure == ("code",)
    assert "def tax_of(net: Decimal, country: str, kind: str) -> Decimal:" in result.text.splitlines()
    assert result.sizes.compressed_tokens < result.sizes.source_tokens
    ast.parse(result.text)


def test_the_numbers_may_begin_anywhere() -> None:
    assert read(numbered(CODE, "→", 240)).structure == ("code",)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"{7 * at % 23}\tblue" for at in range(40)),
        "\n".join(f"{at}. Add the flour and stir." for at in range(1, 20)),
        "1\tone\n2\ttwo",
    ],
    ids=["numbers that do not count on", "a list", "two lines"],
)
def test_what_else_begins_with_numbers_is_no_numbered_file(text: str) -> None:
    assert "code" not in read(text).structure
