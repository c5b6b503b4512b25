"""LaTeX comes back with its environments, formulas and sentences whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text.document import read
from app.text.kinds import latex
from app.text.kinds.latex import LatexForm
from tests.unit.kinds.forms import check_parts, choices, closed, default, form_by, whole


def _form(source: str) -> LatexForm:
    return form_by(latex.read, source)


def _slices(source: str) -> list[str]:
    return [source[part.start : part.end] for part in _form(source).parts]


def test_sentences_do_not_end_in_formulas_or_groups() -> None:
    text = "\\section{Heat}\nIt is $a. B$ hot. See \\emph{the. End} of \\(x. Y\\) here. It ends."
    assert _slices(text)[1:] == ["It is $a. B$ hot.", "See \\emph{the. End} of \\(x. Y\\) here.", "It ends."]


@pytest.mark.parametrize(
    "whole",
    ["\\begin{equation}\n a = b. \\label{eq:a}\n\\end{equation}", "\\[ a. B \\]", "$$ a. B $$",
     "\\begin{tabular}{ll}\na & b \\\\\n\n c & d\n\\end{tabular}", "\\begin{theorem}[Oak]\nAll. Of it.\n\\end{theorem}",
     "\\begin{lstlisting}\nx = 5 % no comment\n\n\\begin{y}\n\\end{lstlisting}"],
)  # fmt: skip
def test_environments_and_formulas_are_one_part(whole: str) -> None:
    assert whole in _slices(f"\\section{{Heat}}\nIt is hot.\n{whole}\nIt ends.")


def test_comments_go() -> None:
    source = "\\section{Heat} % gone\nIt is 5\\% hot. % gone too\nIt\n% and gone\nends."
    form = _form(source)
    assert whole(form).split() == "\\section{Heat} It is 5\\% hot. It ends.".split()


def test_an_item_comes_in_its_list() -> None:
    source = "\\section{Heat}\n\\begin{itemize}\n\\item One is here. It is long.\n\\item Two is here.\n\\end{itemize}\nIt ends."
    form = _form(source)
    item = next(number for number in range(len(form.parts)) if "It is long" in form.part_text(number))
    assert form.render(closed(form, [item])) == "\\begin{itemize}\n\\item One is here. It is long.\n\\end{itemize}"


def test_a_formula_needs_the_words_that_lead_to_it() -> None:
    form = _form(
        "\\section{Heat}\nThe length follows from\n\\begin{equation}\na=b\n\\end{equation}\nwith $a = 5$. It ends."
    )
    assert form.render(closed(form, [2])) == "The length follows from\n\\begin{equation}\na=b\n\\end{equation}"


def test_the_preamble_is_not_taken_by_default_but_its_title_is() -> None:
    source = "\\documentclass{article}\n\\usepackage{x}\n\\title{On Oaks}\n\\begin{document}\nOaks are 5 m high.\n\\end{document}\n"
    form = _form(source)
    assert default(form) == "\\title{On Oaks}\nOaks are 5 m high."


def test_facts_are_read_without_commands() -> None:
    document = read(
        "\\section{Heat}\nIt was $50\\,\\mu\\mathrm{m}$ thick and heated for \\SI{30}{\\minute} (see \\cite{novak2019})."
    )
    assert {"50 µm", "30 min"} <= {document.text_of_fact(fact) for facts in document.facts for fact in facts}


def test_what_does_not_hold_is_worth_more() -> None:
    parts = _form(
        "\\section{Heat}\nThe oven is a large one. This does not hold above $5$. It stands here, as it did."
    ).parts
    assert parts[2].worth > parts[1].worth


@pytest.mark.parametrize(
    "source",
    ["", "Prose of $5 and $6.", "# Markdown\n\\section{x}\n", "C:\\begin\\end", "```latex\n\\begin{a}\\end{a}\n```\n"],
)
def test_other_texts_are_no_latex(source: str) -> None:
    assert latex.read(source, 0, len(source)) is None


@pytest.mark.parametrize(
    "junk",
    [
        "\\begin{a}",
        "\\end{a}",
        "{",
        "}",
        "$",
        "\\[",
        "$$",
        "\\begin{itemize}\\item x. ",
        "\\begin{verbatim}",
        "\\section{",
    ],
)
def test_unfinished_latex_is_no_error(junk: str) -> None:
    source = "\\section{Heat} It is hot. \\begin{x}" + junk * 500
    form = latex.read(source, 0, len(source))
    if form is not None:
        check_parts(form, 0, len(source))


_BITS = st.sampled_from(
    ["It is $a. B$ hot.", "See \\emph{the. End}.", "\n\n", "\\[ x. Y \\]", "\\begin{itemize}\n\\item One. Two.\n\\item x\n\\end{itemize}",
     "\\begin{equation}\na\n\\end{equation}", "% comment\n", "leads to", "\\section{A. B}", "\\begin{quote}\nHe. She.\n\\end{quote}"]
)  # fmt: skip


@given(st.data(), st.lists(_BITS, min_size=1, max_size=8).map("\n".join))
def test_any_choice_has_closed_environments_and_formulas(data: st.DataObject, body: str) -> None:
    form = _form("\\section{Heat}\n" + body)
    rendered = form.render(data.draw(choices(form)))
    for name in ("itemize", "equation", "quote"):
        assert rendered.count(f"\\begin{{{name}}}") == rendered.count(f"\\end{{{name}}}")
    assert rendered.count("$") % 2 == 0
    assert rendered.count("{") == rendered.count("}")
    assert rendered.count("\\[") == rendered.count("\\]")
    assert "\\item" not in rendered or "\\begin{itemize}" in rendered


@given(st.text(alphabet="\\{}$%[]beginditm \n.aB", max_size=200))
def test_no_text_is_an_error(source: str) -> None:
    text = "\\section{a}\\begin{b}" + source
    latex.read(text, 0, len(text))
