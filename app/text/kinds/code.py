"""Code in an outline that parses: imports, signatures, types, first paragraphs of docstrings; bodies are elided."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import regex

from app.text.kinds.form import Kind, Part
from app.text.kinds.languages import Language, candidates, named
from app.text.kinds.outline import LARGE, SIGNATURE, Element, read_elements
from app.text.tokens import estimate_tokens

_MARK_TOKENS = 8
_OUTLINE_SHARE = 0.42  # of the tokens: limit of an outline without marks; public signatures may exceed it
_MOST_LABELS = 6
_FENCE = regex.compile(r"(?:```|~~~)[`~]*[ \t]*\{?\.?([\w+#-]+)[^\n]*\n\s*$")
_WORTH = (1.0, 0.5, 0.3, 0.3, 0.2, 0.0)  # by tier


@dataclass(frozen=True, slots=True)
class CodeForm:
    """Code in `language`."""

    kind: Kind
    start: int
    end: int
    parts: Sequence[Part]
    language: Language
    _text: str
    _elements: Sequence[Element]

    def render(self, chosen: Sequence[int]) -> str:
        """The code with the chosen parts; the others are replaced by comments, or what the language needs there."""
        return "".join(_rendered(self, self._elements, set(chosen), self.start, self.end, is_top=True)).strip("\n")


def read(text: str, start: int, end: int, language: Language | None = None) -> CodeForm | None:
    """The form of a slice that parses as code, in `language`, in that of its fence or in one that it resembles."""
    code = text[start:end]
    fence = _FENCE.search(text[max(0, start - 120) : start])
    language = language or (named(fence[1]) if fence else None)
    languages = [language] if language else list(candidates(code))
    if not code.strip():
        return None
    forms = (_read(text, start, end, candidate) for candidate in languages)
    form = next((parsed for parsed in forms if parsed is not None), None)
    return _read(text, start, end, languages[0], is_patient=True) if form is None and languages else form


def _read(text: str, start: int, end: int, language: Language, *, is_patient: bool = False) -> CodeForm | None:
    elements = read_elements(text, start, end, language, is_patient=is_patient)
    return CodeForm("code", start, end, _parts(text, elements), language, text, elements) if elements else None


def _flat(elements: Sequence[Element]) -> Iterator[Element]:
    for element in elements:
        yield element
        yield from _flat(element.children)


def _parts(text: str, elements: Sequence[Element]) -> list[Part]:
    flat = list(_flat(elements))
    for number, element in enumerate(flat):
        element.number = number
    parts = []
    for element in flat:
        end = element.children[0].start if element.children else element.end
        end = element.start + len(text[element.start : end].rstrip())
        cost = estimate_tokens(text[element.start : end])
        cost += _MARK_TOKENS if any(child.mark == "body" for child in element.children) else 0
        cost = max(1, cost - _MARK_TOKENS) if element.mark == "body" else cost
        needs = sorted({need.number for need in element.needs} - {element.number})
        parts.append(Part(element.start, end, tuple(needs), _WORTH[element.tier], cost))
    chosen = _outline(flat, parts)
    return [replace(part, is_default=number in chosen) for number, part in enumerate(parts)]


def _outline(flat: Sequence[Element], parts: Sequence[Part]) -> set[int]:
    """The parts of an outline: public signatures, then other parts by tier as long as it stays short."""
    most = _OUTLINE_SHARE * sum(part.cost or 0 for part in parts)
    chosen: set[int] = set()
    spent = 0
    for number in sorted(range(len(parts)), key=lambda at: flat[at].tier):
        new = _closure(number, parts, chosen)
        cost = sum(parts[need].cost or 0 for need in new)
        tier = flat[number].tier
        if tier == SIGNATURE or (tier < LARGE and spent + cost <= most):
            chosen |= new
            spent += cost
    return chosen


def _closure(number: int, parts: Sequence[Part], chosen: set[int]) -> set[int]:
    """The part and the parts that it needs, without those already chosen."""
    closure: set[int] = set()
    open_parts = [number]
    while open_parts:
        need = open_parts.pop()
        if need not in chosen and need not in closure:
            closure.add(need)
            open_parts += parts[need].needs
    return closure


def _rendered(
    form: CodeForm, elements: Sequence[Element], chosen: set[int], start: int, end: int, *, is_top: bool
) -> Iterator[str]:
    """The text from `start` to `end`, with marks in place of elements that are not chosen."""
    text, at, number = form._text, start, 0
    while number < len(elements):
        element = elements[number]
        if element.number in chosen:
            yield text[at : element.start]
            yield from _rendered(form, element.children, chosen, element.start, element.end, is_top=False)
            at = element.end
            number += 1
            continue
        run = [element]
        while number + len(run) < len(elements) and elements[number + len(run)].number not in chosen:
            following = elements[number + len(run)]
            if element.mark == "documentation" or text[run[-1].end : following.start].strip():
                break
            run.append(following)
        mark = _mark(form, run, is_top=is_top)
        before = text[at : element.start]
        yield before if mark else before.rstrip()
        yield mark
        at = run[-1].end
        number += len(run)
    yield text[at:end]


def _mark(form: CodeForm, run: Sequence[Element], *, is_top: bool) -> str:
    """The replacement for omitted elements, such that the rest parses."""
    text, language = form._text, form.language
    if run[0].mark == "documentation":
        return " ..." + (" " if text[run[0].end :].startswith("*/") else "")
    if all(element.mark == "comment" for element in run):
        return ""
    lines = text.count("\n", run[0].start, run[-1].end) + 1
    count = f"{lines} line{'s' if lines > 1 else ''}"
    labels = [element.label for element in run if element.label][:_MOST_LABELS]
    summary = f"... {count}: {'; '.join(labels)}" if labels else f"... {count}"
    if language.is_braced:
        return f" /* {summary} */ " if run[0].mark == "body" else f"/* {summary} */"
    if language.name == "python" and not is_top:
        return f"...  # {count}"
    return f"\n  : # {summary}\n" if run[0].mark == "body" else f"# {summary}"
