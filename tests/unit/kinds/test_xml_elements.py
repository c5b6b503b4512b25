"""XML: elements under their parents, white space between them gone, nothing expanded or fetched."""

import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st

from app.text.kinds import xml_elements
from app.text.kinds.xml_elements import XmlForm
from tests.unit.kinds.forms import check_parts, choices, closed, whole

ITEMS = "".join(
    f'  <item id="{at}">\n    <name>name {at}</name>\n    <state>{"failed" if at == 17 else "ok"}</state>\n  </item>\n'
    for at in range(30)
)
LIST = f'<?xml version="1.0" encoding="ISO-8859-1"?>\n<!-- a note -->\n<list lang="é">\n{ITEMS}</list>\n'


def form_of(text: str) -> XmlForm:
    form = xml_elements.read(text, 0, len(text))
    assert form is not None
    return form


def test_white_space_between_elements_and_comments_go() -> None:
    assert whole(form_of(LIST)).startswith(
        '<?xml version="1.0" encoding="ISO-8859-1"?><list lang="é"><item id="0"><name>name 0</name>'
    )


@pytest.mark.parametrize("text", ["<p>one <b>two</b> <i>three</i></p>", "<a>\n<b> x </b><c><![CDATA[ <d> ]]></c></a>"])
def test_white_space_of_a_text_stays(text: str) -> None:
    assert whole(form_of(text)) == text.replace("\n", "")


def test_elements_left_out_are_counted() -> None:
    form = form_of(LIST)
    rendered = form.render(closed(form, [18]))
    assert rendered.endswith(
        '<item id="17"><name>name 17</name><state>failed</state></item><!-- ... 29 more --></list>'
    )


def test_what_is_unlike_its_siblings_is_worth_most() -> None:
    parts = form_of(LIST).parts
    assert max(range(len(parts)), key=lambda at: parts[at].worth) == 18


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
        "<a><b></a>",
        "<a>" * 10_000,
        "<html><body><p>x</p></body></html>",
        "no XML",
        "",
    ],
)
def test_what_declares_entities_or_is_not_valid_has_no_form(text: str) -> None:
    assert xml_elements.read(text, 0, len(text)) is None


def test_deep_nesting_is_read() -> None:
    text = "<a>" * 3000 + "x" + "</a>" * 3000
    assert whole(form_of(text)) == text


NAMES = st.sampled_from(["a", "item", "b:c", "x-y"])
TEXTS = st.text("abc <&>\"'é\n", max_size=12).map(lambda content: content.replace("&", "&amp;").replace("<", "&lt;"))
ELEMENTS = st.recursive(
    st.tuples(NAMES, TEXTS).map(lambda drawn: f"<{drawn[0]}>{drawn[1].replace(']]>', '')}</{drawn[0]}>"),
    lambda inner: st.tuples(NAMES, st.lists(inner, min_size=1, max_size=4), TEXTS).map(
        lambda drawn: (
            f'<{drawn[0]} k="{drawn[2].replace(chr(34), "")}">\n  {"<!-- < -->".join(drawn[1])}\n</{drawn[0]}>'
        )
    ),
    max_leaves=12,
)


@given(inner=st.lists(ELEMENTS, min_size=1, max_size=6), data=st.data())
def test_any_choice_of_elements_is_valid_and_has_no_other_value(inner: list[str], data: st.DataObject) -> None:
    text = f'<root xmlns:b="urn:b">{"".join(inner)}</root>'
    form = form_of(text)
    check_parts(form, 0, len(text))
    rendered = ElementTree.fromstring(form.render(data.draw(choices(form))))
    source_values = {
        (element.tag, content)
        for element in ElementTree.fromstring(text).iter()
        for content in (element.text or "", element.get("k"))
    }
    for element in rendered.iter():
        assert not len(element) or not (element.text or "").strip()
        assert len(element) or (element.tag, element.text or "") in source_values or not (element.text or "").strip()
        assert element.get("k") is None or (element.tag, element.get("k")) in source_values
