"""The programming languages that code.py outlines: their grammars and the syntax of their outlines."""

import importlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

import regex
from tree_sitter import Language as Grammar
from tree_sitter import Node, Parser, Query, QueryCursor, Tree

_FIRST = 10_000  # characters of a text in which the cues of a language are counted
_FEWEST_CUES = 2
_CALLS_WITH_ERRORS = 300  # limit of the parser on code with errors, in calls of 100 steps each
_LARGEST_WITH_ERRORS = 100_000  # characters; recovery from errors takes ten times as long as parsing
_MOST_ERRORS = 0.05  # of the bytes of a text
_DEEPEST = 60  # depth of nodes to which definitions are searched
_CHUNK = 1 << 16  # bytes passed to the parser at a time
_UNCOMMON = regex.compile(r"[^\x00-\x7f]")


@dataclass(frozen=True, slots=True)
class Language:
    """A programming language.

    `cues`: beginnings of lines typical of it; `within`: the same of lines with `::` or `->`. `query`: captures @body,
    code that an outline omits, and @members, containers of definitions. `private`: heads of definitions that do not belong to an interface. `is_braced`: comments are allowed
    anywhere. `is_lenient`: parse errors are allowed, because the grammar lacks macros or dialects. SQL has no `module`:
    see sql.py.
    """

    name: str
    module: str
    cues: str
    query: str
    private: str = r"\bprivate\b"
    within: str = ""
    entry: str = "language"
    aliases: tuple[str, ...] = ()
    is_braced: bool = True
    is_lenient: bool = False


_JS_CUES = (
    r"(?:export )?(?:default )?(?:async )?function\b|(?:export )?(?:const|let|var) [\w{\[]|(?:export )?(?:default )?class \w+|import [\w{*\"']"
    r"|module\.exports|exports\.\w|\w.*=> ?[{(]|[)}\]]+;$|['\"]use strict"
)
_JS_BODIES = """
(function_declaration body: (_) @body) (generator_function_declaration body: (_) @body)
(function_expression body: (_) @body) (generator_function body: (_) @body)
(method_definition body: (_) @body) (arrow_function body: (statement_block) @body) (class_body) @members
"""
_JS_PRIVATE = r"\b(?:private|protected)\b|^\s*(?:static |async |get |set |function |class |const |let |var )*[_#]"
_C_CUES = r"#\s*(?:include|define|ifn?def|endif|pragma)\b|(?:static |struct |enum |typedef |unsigned |extern |const (?:char|int|void|struct|unsigned|size_t)\b)+|(?:int|void|char|double|float|bool|size_t) \*?\w+\("
_CPP_CUES = r"|(?:namespace|template|using|class|public:|private:|protected:)"
_CPP_WITHIN = r".*\b(?:std|self|this)(?:::|->)|.*\w::~?\w+\("

LANGUAGES: tuple[Language, ...] = (
    Language(
        "python",
        "tree_sitter_python",
        r"(?:async )?def \w+\s*[(\[]|class \w+.*:|from [\w.]+ import |import \w[\w., ]*$|if __name__|@\w[\w.]*",
        "(function_definition body: (block) @body) (class_definition body: (block) @members)",
        private=r"(?:^|\b(?:def|class)\s+)_(?!_\w+__)",
        aliases=("py", "python3", "pyi"),
        is_braced=False,
    ),
    Language("javascript", "tree_sitter_javascript", _JS_CUES, _JS_BODIES, _JS_PRIVATE, aliases=("js", "jsx", "mjs", "cjs", "node")),
    Language(
        "typescript",
        "tree_sitter_typescript",
        _JS_CUES + r"|(?:export |declare )*(?:interface|type|enum|namespace|abstract class) \w+|.*\)\s*: [\w<>\[\]| ]+ [{=]",
        _JS_BODIES + "(internal_module body: (statement_block) @members)",
        _JS_PRIVATE,
        entry="language_typescript",
        aliases=("ts", "mts", "cts"),
    ),
    Language("tsx", "tree_sitter_typescript", _JS_CUES, _JS_BODIES, _JS_PRIVATE, entry="language_tsx"),
    Language(
        "go",
        "tree_sitter_go",
        r"package \w+$|func (?:\(|\w)|import (?:\(|\")|type \w+ (?:struct|interface)|\t+\w.* := |\t*if err != nil",
        "(function_declaration body: (_) @body) (method_declaration body: (_) @body) (func_literal body: (_) @body)",
        private=r"^(?:func|type|var|const)\s+(?:\([^)]*\)\s*)?[a-z_]",
        aliases=("golang",),
    ),
    Language(
        "java",
        "tree_sitter_java",
        r"package [\w.]+;|import (?:static )?[\w.*]+;|(?:public |private |protected |static |final |abstract )+[\w<]|@(?:Override|Test)\b|class \w+",
        "(method_declaration body: (_) @body) (constructor_declaration body: (_) @body)"
        "(compact_constructor_declaration body: (_) @body) (lambda_expression body: (block) @body)"
        "(static_initializer (block) @body) (class_body) @members (interface_body) @members",
    ),
    Language(
        "rust",
        "tree_sitter_rust",
        r"(?:pub(?:\(\w+\))? )?(?:async |unsafe |const )*fn \w|use [\w:{]+|(?:pub )?(?:struct|enum|trait|mod) \w|impl\b|#!?\[|let (?:mut )?\w+",
        "(function_item body: (_) @body) (closure_expression body: (block) @body)"
        "(impl_item body: (_) @members) (trait_item body: (_) @members) (mod_item body: (_) @members)",
        private=r"^(?:async |unsafe |const |extern \S+ )*(?:fn|struct|enum|trait|mod|type|static)\b",
        aliases=("rs",),
    ),
    Language(
        "c",
        "tree_sitter_c",
        _C_CUES,
        "(function_definition body: (_) @body) (linkage_specification body: (declaration_list) @members)"
        "(preproc_ifdef) @members (preproc_if) @members",
        private=r"^static\b",
        aliases=("h",),
        is_lenient=True,
    ),
    Language(
        "cpp",
        "tree_sitter_cpp",
        _C_CUES + _CPP_CUES,
        "(function_definition body: (compound_statement) @body) (lambda_expression body: (_) @body)"
        "(linkage_specification body: (declaration_list) @members) (namespace_definition body: (_) @members)"
        "(field_declaration_list) @members (preproc_ifdef) @members (preproc_if) @members",
        private=r"^static\b",
        within=_CPP_WITHIN,
        aliases=("c++", "cc", "cxx", "hpp", "hh"),
        is_lenient=True,
    ),
    Language(
        "csharp",
        "tree_sitter_c_sharp",
        r"using [\w.=]+;|namespace [\w.]+|(?:public |private |protected |internal |static |sealed |abstract |override |async )+[\w<]|\[\w+.*\]$|get;",
        "(method_declaration body: (block) @body) (constructor_declaration body: (block) @body)"
        "(destructor_declaration body: (block) @body) (operator_declaration body: (block) @body)"
        "(local_function_statement body: (block) @body) (accessor_declaration body: (block) @body)"
        "(lambda_expression body: (block) @body) (anonymous_method_expression (block) @body)"
        "(declaration_list) @members",
        aliases=("cs", "c#"),
    ),
    Language(
        "sql",
        "",
        r"(?i:create (?:or replace )?(?:temp |temporary |unique |materialized )*(?:table|view|index|function|procedure|type|trigger|schema)"
        r"|insert into|select\b|alter table|update \w+ set|delete from|drop (?:table|view|index)|with \w+ as \()",
        "",
        private=r"^$",
    ),
    Language(
        "bash",
        "tree_sitter_bash",
        r"#!.*\bsh\b|#!.*\bbash\b|(?:function )?[\w-]+\s*\(\)\s*\{|(?:fi|done|esac)\b|set -[euxo]|(?:export|local|readonly|declare) (?:-\w )?\w+=|if \[|[A-Z_]+=",
        "(function_definition body: (compound_statement) @body)",
        private=r"^(?:function )?_",
        aliases=("sh", "shell", "zsh", "ksh"),
        is_braced=False,
    ),
)  # fmt: skip
_BY_ALIAS = {alias: language for language in LANGUAGES for alias in (language.name, *language.aliases)}


def named(name: str) -> Language | None:
    """The language with that name, alias or extension."""
    return _BY_ALIAS.get(name.lower())


def candidates(text: str) -> Iterator[Language]:
    """The languages that `text` resembles, most likely first."""
    first = text[:_FIRST]
    if first.count("\n") + 1 < _FEWEST_CUES:  # a line has at most one cue
        return
    is_typical = _all_cues().match
    lines = [line for line in (line.lstrip(" \t") for line in first.split("\n")) if is_typical(line)]
    if len(lines) < _FEWEST_CUES:
        return
    counts = [(sum(1 for _ in filter(_cues(language), lines)), language) for language in LANGUAGES]
    most = max(count for count, _ in counts)
    # Ties keep the order of LANGUAGES: C before C++, which has all cues of C.
    for count, language in sorted(counts, key=lambda item: -item[0]):
        if count >= _FEWEST_CUES and count * 4 >= most:
            yield language


@cache
def _all_cues() -> re.Pattern[str]:
    """Matches each line that is typical of any language; most texts have none."""
    return re.compile("|".join(["[^\n]*(?:::|->)", *(f"(?:{language.cues})" for language in LANGUAGES)]))


@lru_cache
def _cues(language: Language) -> Callable[[str], object]:
    """Whether a line is typical of the language; `$` in the cues: end of the line."""
    begins = re.compile(language.cues).match
    if not language.within:
        return begins
    within = re.compile(language.within).match
    return lambda line: begins(line) or (("::" in line or "->" in line) and within(line))


@lru_cache
def _grammar(language: Language) -> tuple[Grammar, Query]:
    grammar = Grammar(getattr(importlib.import_module(language.module), language.entry)())
    return grammar, Query(grammar, language.query)


def parse(text: str, language: Language, *, is_patient: bool = False) -> Tree | None:
    """The syntax tree of `text`, with offsets in code points; None if it has errors. Linear time.

    `is_patient`: parsing goes on after a possible error, and a few errors are allowed if the language is lenient.
    """
    if is_patient and len(text) > _LARGEST_WITH_ERRORS:
        return None
    # One byte per code point. Replacing other letters in names, strings and comments does not change the structure.
    # The grammar of Go requires the line break at the end.
    data = _UNCOMMON.sub("x", text).encode() + b"\n"
    is_lenient = is_patient and language.is_lenient
    left = 0 if not is_patient else len(data) // 50 if is_lenient else _CALLS_WITH_ERRORS

    def is_to_stop(_: int, has_error: bool) -> bool:
        nonlocal left
        left -= has_error
        return left < 0

    try:
        tree = Parser(_grammar(language)[0]).parse(lambda at, _: data[at : at + _CHUNK], progress_callback=is_to_stop)
    except ValueError:  # stopped
        return None
    if not tree.root_node.has_error:
        return tree
    return tree if is_lenient and _errors(tree, language) <= _MOST_ERRORS * len(data) else None


def _errors(tree: Tree, language: Language) -> int:
    """The number of bytes in error nodes."""
    query = Query(_grammar(language)[0], "(ERROR) @error")
    return sum(node.end_byte - node.start_byte for node in QueryCursor(query).captures(tree.root_node).get("error", ()))


def captures(tree: Tree, language: Language) -> dict[str, list[Node]]:
    """The nodes captured by the query of `language`, by capture name."""
    cursor = QueryCursor(_grammar(language)[1])
    cursor.set_max_start_depth(_DEEPEST)
    return cursor.captures(tree.root_node)
