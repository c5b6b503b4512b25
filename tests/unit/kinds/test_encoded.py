"""Base64 inside of a text is found, and left out where nobody asks for it."""

import base64
import random

import pytest

from app.text.document import read
from app.text.kinds import encoded

_RAW = random.Random(16).randbytes(600)
_LINES = base64.encodebytes(_RAW).decode().strip()
_LINE = base64.b64encode(_RAW).decode()


@pytest.mark.parametrize(
    "source",
    [_LINE, _LINES, f"data:image/png;base64,{_LINE}", f"![logo](data:image/png;base64,{_LINE})",
     f'<img src="data:image/png;base64,{_LINE}">', f"-----BEGIN CERTIFICATE-----\n{_LINES}\n-----END CERTIFICATE-----"],
)  # fmt: skip
def test_base64_is_one_part_that_is_not_taken_by_default(source: str) -> None:
    form = encoded.read(source, 0, len(source))
    assert form is not None
    assert [(part.start, part.end, part.is_default) for part in form.parts] == [(0, len(source), False)]
    assert form.render([0]) == source


@pytest.mark.parametrize(
    "source",
    ["", "word " * 100, "a" * 500, "0af3" * 100, "sha256:" + "0af3" * 16, _LINE[:100], f"See {_LINE} and more of it"],
)
def test_other_texts_are_not_base64(source: str) -> None:
    assert encoded.read(source, 0, len(source)) is None


def test_the_letter_around_a_picture_stays_prose() -> None:
    document = read(f"The logo is below.\n\ndata:image/png;base64,{_LINE}\n\nPlease use it by Friday.\n")
    assert document.structure == ("prose", "base64")
