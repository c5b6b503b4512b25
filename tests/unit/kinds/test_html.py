"""HTML comes back as what a person reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text.document import read
from app.text.kinds import html
from app.text.kinds.view import ViewForm
from tests.unit.kinds.forms import check_parts, choices, default, view_by, whole


def _form(source: str) -> ViewForm:
    return view_by(html.read, source)


def _all(source: str) -> str:
    return whole(_form(source))


def test_sentences_are_parts_and_know_their_slices() -> None:
    source = "<html><body><p>It costs <b>84,00&nbsp;&euro;</b>. Doors open at 18:45.</p></body></html>"
    form = _form(source)
    assert [form.part_text(number) for number in range(2)] == ["It costs 84,00\xa0€.", "Doors open at 18:45."]
    assert source[form.parts[0].start : form.parts[0].end] == "It costs <b>84,00&nbsp;&euro;</b>."
    assert source[form.parts[1].start : form.parts[1].end] == "Doors open at 18:45."


@pytest.mark.parametrize(
    "unseen",
    [
        "<style>p{color:red} .unseen{}</style>",
        "<script>if (a > b) { unseen() }</script>",
        "<!-- unseen > comment -->",
        '<div style="display:none">unseen preheader</div>',
        '<span style="font-size:0px;line-height:0">unseen</span>',
        "<p hidden>unseen</p>",
        '<img src="https://t.example/unseen.gif" width="1" height="1" alt="this is unseen">',
        '<img src="data:image/png;base64,dW5zZWVuCg==">',
        "<svg><text>unseen</text></svg>",
        "<template><p>unseen</p></template>",
        "<noscript>unseen</noscript>",
    ],
)
def test_what_does_not_show_is_left_out(unseen: str) -> None:
    rendered = _all(f"<html><body><p>First one.</p>{unseen}<p>Second one.</p></body></html>")
    assert "unseen" not in rendered
    assert "First one." in rendered
    assert "Second one." in rendered


def test_a_table_of_data_comes_back_as_rows_with_all_their_cells() -> None:
    source = (
        "<html><body><table><tr><th>Month<th>Sales<th>Note</tr><tr><td>Jan<td>10<td></tr>"
        "<tr><td>Feb<td>12 &lt; 13<td>x</tr><tr><td colspan=2>both<td>y</tr></table></body></html>"
    )
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in _all(source).splitlines()]
    assert rows[0] == ["Month", "Sales", "Note"]
    assert rows[2:] == [["Jan", "10", ""], ["Feb", "12 < 13", "x"], ["both", "", "y"]]


def test_a_row_needs_its_header() -> None:
    source = "<html><body><table><tr><th>Month<th>Sales</tr><tr><td>Jan<td>10</tr><tr><td>Feb<td>12</tr></table></body></html>"
    form = _form(source)
    assert all(part.needs for part in form.parts[1:])


def test_a_table_that_lays_out_a_page_is_read_as_paragraphs() -> None:
    assert _all("<html><body><table><tr><td><p>One two.</p><p>Three four.</p></td></tr></table></body></html>") == (
        "One two.\n\nThree four."
    )


def test_pairs_of_a_name_and_a_value_stay_together() -> None:
    source = "<html><body><table><tr><td>Total<td>84</tr><tr><td>Paid:<td>by card</tr></table></body></html>"
    assert _all(source).splitlines() == ["Total: 84", "Paid: by card"]


def test_lists_have_their_marks() -> None:
    rendered = _all("<html><body><p>Steps:</p><ol><li>Go there.<li>Come back.</ol><ul><li>x y</ul></body></html>")
    assert "1. Go there.\n2. Come back." in rendered
    assert "- x y" in rendered


def test_the_address_of_a_link_to_act_on_is_shown_without_what_only_tracks() -> None:
    rendered = _all(
        '<html><body><p>Please come. <a href="https://x.org/b/48-2217?utm_source=mail&amp;utm_medium=email">Show my tickets</a></p></body></html>'
    )
    assert "Show my tickets (https://x.org/b/48-2217)" in rendered


def test_the_address_of_a_link_in_a_sentence_is_not_shown() -> None:
    assert _all('<html><body><p>The <a href="https://x.org/wiki/Oak">oak</a> is a tree.</p></body></html>') == (
        "The oak is a tree."
    )


def test_navigation_footers_and_disclaimers_are_not_taken_by_default() -> None:
    form = _form(
        "<html><body><nav><a href='/'>Home</a></nav><p>The meeting is on 5 May.</p>"
        "<p>You receive this mail because you are a member. Oak Ltd, Oak Road 4.</p><footer>Imprint of us</footer></body></html>"
    )
    assert default(form) == "The meeting is on 5 May."


def test_preformatted_lines_stay_lines() -> None:
    rendered = _all("<html><body><pre>a = 1\n  b &amp;= 2\n\nc = 3</pre></body></html>")
    assert rendered.splitlines() == ["a = 1", "  b &= 2", "", "c = 3"]


def test_facts_are_those_of_the_text_that_shows() -> None:
    document = read(
        "<html><head><style>p{margin:1234px}</style></head><body><p>It costs <b>84,00&nbsp;&euro;</b> in all.</p></body></html>"
    )
    assert [document.text_of_fact(fact) for facts in document.facts for fact in facts] == ["84,00\xa0€"]


@pytest.mark.parametrize("source", ["", "plain text", "a < b and c > d", "<note><to>x</to></note>", "{}", "<"])
def test_other_texts_are_no_html(source: str) -> None:
    assert html.read(source, 0, len(source)) is None


@pytest.mark.parametrize(
    "source",
    ["<html>" + "<div>" * 10_000, "<html><body>" + "<b><table><a href='" * 3000, "<html>\0\ufdd0 x &#x110000; &#0;</html>",
     "<?xml version='1.0' encoding='latin-1'?><html><body><p>Text é here.</p>", "<!doctype html>" + "<!--" * 5000,
     '<!DOCTYPE html [<!ENTITY a "&b;&b;"><!ENTITY b "&a;">]><html><body>&a; x</body></html>'],
)  # fmt: skip
def test_broken_html_is_no_error(source: str) -> None:
    form = html.read(source, 0, len(source))
    if form is not None:
        check_parts(form, 0, len(source))
        whole(form)


_WORDS = st.sampled_from("Oak was sold for 84,00&nbsp;&euro; today. It fell 5 &lt; 6 | x.y &amp; z! Why? éa".split())
_RUN = st.lists(_WORDS, min_size=1, max_size=8).map(" ".join)
_PAGE = st.recursive(
    _RUN,
    lambda inner: st.tuples(
        st.sampled_from(
            ["p", "div", "b", "ul", "li", "table", "tr", "td", "th", "pre", "h2", "a", "nav", "blockquote"]
        ),
        st.lists(inner, min_size=1, max_size=4),
    ).map(lambda element: f"<{element[0]}>{' '.join(element[1])}</{element[0]}>\n"),
    max_leaves=12,
)


@given(st.data(), _PAGE)
def test_any_choice_is_made_of_whole_parts(data: st.DataObject, page: str) -> None:
    form = _form(f"<html><body>{page}</body></html>")
    chosen = data.draw(choices(form))
    rendered = " ".join(form.render(chosen).split())
    for number in chosen:
        assert all(word in rendered for word in form.part_text(number).split() if word.isalnum())


@given(st.text(alphabet="<>/abpi=\"' &;!-\n\ud7ff\ufdd0\0x", max_size=200))
def test_no_text_is_an_error(source: str) -> None:
    html.read("<html>" + source, 0, len(source) + 6)
