"""Code: an outline that parses, with every public signature; a body is whole or elided."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text.kinds.code import CodeForm, read
from app.text.kinds.languages import named, parse
from app.text.tokens import estimate_tokens
from tests.unit.kinds.forms import choices, closed, default, whole

PYTHON = '''from __future__ import annotations

import time


class Bucket:
    """A token bucket.

    It is filled at a steady pace and never holds more than its size, however long nobody takes anything out of it, and
    it may be shared by several threads as long as only one of them fills it.
    """

    size: float
    level: float = 0.0

    def take(self, amount: float = 1.0) -> bool:
        """Take that much out of it, if it is there."""
        now = time.monotonic()
        self.level = min(self.size, self.level + (now - self.touched) * self.rate)
        if self.level < amount:
            return False
        self.level -= amount
        return True

    def _refill(self) -> None:
        self.level = self.size + self.level * self.rate + self.offset - self.drained


def default_bucket() -> Bucket:
    print("a bucket of the default size is made", Bucket, time.monotonic())
    return Bucket(size=10, rate=2.5)
'''
BODY = " ".join(f"x{number} = x{number} + {number};" for number in range(1, 9))
SOURCES = {
    "javascript": f"import a from 'a';\n/** Adds. */\nexport function add(x1) {{ {BODY} }}\nexport class Shop {{\n  sell(x1) {{ {BODY} }}\n}}\nexport const cut = (x1) => {{ {BODY} }};\n",
    "typescript": f"import a from 'a';\nexport interface Item {{ name: string; }}\nexport function add(x1: number): void {{ {BODY} }}\nexport class Shop {{\n  sell(x1: number): void {{ {BODY} }}\n}}\n",
    "go": "package shop\n\nimport \"fmt\"\n\ntype Item struct {\n\tName string\n}\n\n// Add adds.\nfunc Add(x1 int) int {\n"
    + "".join(f"\tx{n} := x1 + {n}\n\tfmt.Println(x{n})\n" for n in range(2, 9))
    + "\treturn x1\n}\n\nfunc (i *Item) Sell() {\n\tfmt.Println(\"sold\", i.Name, \"to\", \"somebody\", 1, 2, 3)\n}\n",
    "java": f"package shop;\n\nimport java.util.List;\n\npublic class Shop {{\n  private int level;\n  public int add(int x1) {{ {BODY} return x1; }}\n  public void sell() {{ {BODY} }}\n}}\n",
    "rust": "use std::fmt;\n\npub struct Item { pub name: String }\n\nimpl Item {\n    /// Adds.\n    pub fn add(&self, x1: i32) -> i32 {\n"
    + "".join(f"        let x{n} = x1 + {n};\n" for n in range(2, 9))
    + "        x1\n    }\n}\n\npub fn sell(x1: i32) {\n"
    + "".join(f"    let x{n} = x1 + {n};\n" for n in range(2, 9))
    + "}\n",
    "c": f"#include <stdio.h>\n#define MOST 3\n\nstruct item {{ int name; }};\n\nint add(int x1) {{ {BODY} return x1; }}\n\nvoid sell(void) {{ {BODY} }}\n",
    "cpp": f"#include <string>\nnamespace shop {{\nclass Item {{\n public:\n  int add(int x1) {{ {BODY} return x1; }}\n private:\n  int level_;\n}};\ntemplate <class T> T sell(T x1) {{ {BODY} return x1; }}\n}}\n",
    "csharp": f"using System;\n\nnamespace Shop {{\n  public class Item {{\n    public string Name {{ get; set; }}\n    public int add(int x1) {{ {BODY} return x1; }}\n    public void sell() {{ {BODY} }}\n  }}\n}}\n",
    "bash": "#!/bin/bash\nset -e\n\nadd() {\n" + "".join(f"  echo \"x{n}\" {n}\n" for n in range(9)) + "}\n\nsell() {\n" + "".join(f"  echo \"y{n}\" {n}\n" for n in range(9)) + "}\n\nadd\n",
    "sql": "CREATE TABLE item (\n  id bigint PRIMARY KEY,\n  name text NOT NULL\n);\n\nCREATE FUNCTION add(x1 int) RETURNS int AS $$\nBEGIN\n"
    + "".join(f"  x1 := x1 + {n};\n" for n in range(9))
    + "END;\n$$ LANGUAGE plpgsql;\n\nCREATE FUNCTION sell() RETURNS int AS $$\n  SELECT count(*) FROM item WHERE name <> 'none' AND id > 3;\n$$ LANGUAGE sql;\n",
}  # fmt: skip


def form_of(text: str) -> CodeForm:
    form = read(text, 0, len(text))
    assert form is not None
    return form


def assert_parses(text: str, name: str) -> None:
    if name == "python":
        ast.parse(text)
    elif name == "sql":
        assert text.count("$$") % 2 == 0
    else:
        language = named(name)
        assert language is not None
        assert parse(text, language) is not None


@pytest.mark.parametrize("name", SOURCES)
def test_an_outline_parses_and_has_signatures_without_their_bodies(name: str) -> None:
    form = form_of(SOURCES[name])
    outline = default(form)
    assert form.language.name == name
    assert_parses(outline, name)
    assert "add" in outline.lower()
    assert "sell" in outline.lower()
    assert "..." in outline
    assert "x8" not in outline
    assert estimate_tokens(outline) < estimate_tokens(SOURCES[name])


@pytest.mark.parametrize("name", SOURCES)
def test_all_parts_are_the_code_to_the_letter(name: str) -> None:
    assert whole(form_of(SOURCES[name])) == SOURCES[name].strip("\n")


@pytest.mark.parametrize("name", [*SOURCES, "python"])
@given(st.data())
def test_any_choice_of_parts_parses(name: str, data: st.DataObject) -> None:
    form = form_of(SOURCES.get(name, PYTHON))
    assert_parses(form.render(data.draw(choices(form))), name)


def test_a_docstring_keeps_its_first_paragraph() -> None:
    outline = form_of(PYTHON)
    chosen = {
        at for at, part in enumerate(outline.parts) if PYTHON[part.start : part.end].startswith(('"""A t', "class"))
    }
    assert '"""A token bucket. ..."""' in outline.render(closed(outline, chosen))


def test_private_functions_are_left_out_before_public_ones() -> None:
    outline = default(form_of(PYTHON))
    assert "def take" in outline
    assert "def default_bucket" in outline
    assert "self.level -= amount" not in outline


def test_a_body_comes_whole_and_with_its_signature() -> None:
    form = form_of(PYTHON)
    body = next(at for at, part in enumerate(form.parts) if PYTHON[part.start : part.end].startswith("now ="))
    rendered = form.render(closed(form, {body}))
    start = PYTHON.index("        now =")
    assert PYTHON[start : PYTHON.index("        return True") + 19] in rendered
    assert "class Bucket:" in rendered
    assert "def take" in rendered


def test_the_language_of_a_fence_is_believed() -> None:
    text = "```js\nadd(1)\n```\n"
    form = read(text, 6, 13)
    assert form is not None
    assert form.language.name == "javascript"


def test_a_module_inside_a_function_is_outlined() -> None:
    text = (
        f"(function () {{\n  'use strict';\n  function add(x1) {{ {BODY} }}\n  function sell(x1) {{ {BODY} }}\n}})();\n"
    )
    outline = default(form_of(text))
    assert "function sell(x1)" in outline
    assert_parses(outline, "javascript")


def test_a_large_table_is_left_out_by_name() -> None:
    text = "import a\nimport b\n\nCODES = {\n" + "".join(f"    'code {n}': {n},\n" for n in range(99)) + "}\n"
    assert "# ... 101 lines: CODES" in default(form_of(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "One sentence. Another one, from here.\n",
        "def f(:\n    pass\nimport a\nimport b\n",
        "import a\nimport b\nx = (\n",
        "func main() {\npackage x\n",
        "SELECT is a word.\nSELECT is one too, and with it; nothing else.\nNo.",
    ],
)
def test_what_does_not_parse_has_no_form(text: str) -> None:
    assert read(text, 0, len(text)) is None


@st.composite
def modules(draw: st.DrawFn, depth: int = 0) -> str:
    """A Python module, or the inside of a class."""
    indent = "    " * depth
    pieces = []
    for number in range(draw(st.integers(1, 5))):
        kind = draw(
            st.sampled_from(["def", "class", "value", "comment", "string", "if", "decorated", "inline", "semicolon"])
        )
        statement = f'{indent}    y{number} = call(1, 2, "three", four, 5, 6, 7, eight, nine, [10, 11, 12])\n'
        if kind == "class" and depth < 3:
            pieces.append(f"{indent}class C{number}:\n" + draw(modules(depth + 1)))
        elif kind in ("def", "class"):
            documentation = draw(
                st.sampled_from(["", f'{indent}    """Does it.\n\n{indent}    {"More. " * 30}\n{indent}    """\n'])
            )
            pieces.append(f"{indent}def f{number}(x):\n{documentation}" + statement * draw(st.integers(1, 4)))
        else:
            pieces.append(
                {
                    "value": f"{indent}x{number} = {list(range(draw(st.sampled_from([3, 99]))))}\n",
                    "comment": f"{indent}# a note\n\n",
                    "string": f'{indent}"""Some words."""\n',
                    "if": f"{indent}if x:\n{statement}{indent}else:\n{statement}",
                    "decorated": f"{indent}@wraps(f)\n{indent}async def g{number}(x):\n{statement}",
                    "inline": f"{indent}def h{number}(x): return call(x, x, x, x, x, x, x, x, x)  # so\n",
                    "semicolon": f"{indent}a{number} = 1; b{number} = 2  # both\n",
                }[kind]
            )
    return "".join([*pieces, f"{indent}end = 1\n"])


@given(st.data())
def test_any_choice_of_parts_of_any_module_parses(data: st.DataObject) -> None:
    text = "import a\nimport b\n" + data.draw(modules())
    form = form_of(text)
    assert whole(form) == text.strip("\n")
    result = form.render(data.draw(choices(form)))
    ast.parse(result)
    source_lines = {line.strip() for line in text.split("\n")}
    assert all(line.strip() in source_lines or "..." in line for line in result.split("\n"))


def test_marks_of_comments_stay_in_pairs() -> None:
    long = "word " * 60
    text = (
        f"#include <a.h>\n#include <b.h>\n\n/* one */\n/*\n * {long}\n */\nint add(int x1) {{ {BODY} }}\n"
        f"// {long}\n/* two\n\n{long} */\nint sell(void) {{ {BODY} }}\n"
    )
    form = form_of(text)
    assert_parses(form.render([at for at, part in enumerate(form.parts) if part.worth]), "c")


def test_code_may_end_without_a_line_break() -> None:
    text = "package a\n\nfunc f() {\n}\n\nvar a = 1"
    assert whole(form_of(text)) == text
