"""The rules of names, rooms and prose (CONTRIBUTING.md), so that they do not rest on taste."""

import ast
import gc
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GERUNDS = {  # the field's own nouns
    "hashing", "logging", "mapping", "ranking", "rendering", "routing",
    "signposting", "staging", "streaming", "string", "tracing", "versioning",
}  # fmt: skip
PRIVATE = {  # one of them in a name means nothing to somebody who has not written it
    "told", "untold", "tell", "tells", "telling", "said", "say", "says", "saying", "heard",
    "unheard", "hear", "hears", "hearing", "asked", "ask", "asks", "asking", "meant", "kept",
    "held", "due", "wish", "wishes", "stands", "named",
}  # fmt: skip
OF_PYTHON = {"tell"}  # a method of file objects
WORD = re.compile(rf"\b({'|'.join(sorted(PRIVATE))}|lets? go)\b", re.IGNORECASE)
IDENTIFIER = re.compile(r"[^\W\d]\w*")
MAX_MODULES, MAX_LINES, MAX_FUNCTION_LINES, MAX_WORDS_PER_THOUSAND = 14, 400, 60, 1.0
MAX_CONFTEST_LINES = 60


SOURCES = [
    path
    for room in ("shared", "services", "cli", "deploy", "tests")
    for path in sorted((ROOT / room).rglob("*.py"))
]
SHIPPED = [path for path in SOURCES if "tests" not in path.relative_to(ROOT).parts]

SITE = [
    path
    for path in sorted((ROOT / "frontend" / "src").rglob("*"))
    if path.suffix in {".ts", ".svelte"} and not path.name.endswith((".test.ts", ".d.ts"))
]


@dataclass(frozen=True)
class Module:
    """What the rules are about in one file, with the lines of names and functions."""

    names: tuple[tuple[int, str], ...]
    """Those with a private word."""
    docstrings: tuple[str, ...]
    functions: tuple[tuple[int, str, int], ...]
    """Line, name, and number of lines."""


@pytest.fixture(autouse=True, scope="module")
def no_garbage_collection() -> Iterator[None]:
    """Syntax trees have no cycles, and looking for them takes two thirds of the time to parse."""
    gc.disable()
    yield
    gc.enable()


@cache
def _module(path: Path) -> Module:
    """Reads a file once; its syntax tree, which is large, is not retained."""
    text = path.read_text("utf-8")
    private = {name for name in IDENTIFIER.findall(text) if _is_private(name)}
    names: list[tuple[int, str]] = []
    docstrings: list[str] = []
    functions: list[tuple[int, str, int]] = []
    for node in ast.walk(ast.parse(text)):
        if private:
            names += [at for at in _names(node) if at[1] in private]
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstrings.append(ast.get_docstring(node) or "")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            functions.append((node.lineno, node.name, lines))
    return Module(tuple(names), tuple(docstrings), tuple(functions))


def _names(node: ast.AST) -> Iterator[tuple[int, str]]:
    """The name that this node of a module gives to something."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.lineno, node.name
        case ast.Name(ctx=ast.Store()):
            yield node.lineno, node.id
        case ast.Attribute(ctx=ast.Store()):
            yield node.lineno, node.attr
        case ast.arg():
            yield node.lineno, node.arg
        case _:
            pass


@cache
def _is_private(name: str) -> bool:
    words = {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}
    return name not in OF_PYTHON and bool(PRIVATE & words)


def _prose(path: Path) -> Iterator[str]:
    """Docstrings and comments."""
    yield from _module(path).docstrings
    text = path.read_text("utf-8")
    if "#" in text:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.string


def _at(path: Path, line: int = 1) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def test_modules_have_nouns_as_names() -> None:
    wrong = [
        _at(path)
        for path in SHIPPED
        if (last := path.stem.split("_")[-1]).endswith("ing") and last not in GERUNDS
    ]
    assert not wrong, f"name these modules by the noun an engineer would search for: {wrong}"


def test_no_name_has_a_private_word() -> None:
    wrong = [f"{_at(path, line)} {name}" for path in SOURCES for line, name in _module(path).names]
    assert not wrong, f"say what these are or do, in a word of the glossary: {wrong}"


def test_no_folder_is_crowded() -> None:
    modules = Counter(path.parent for path in [*SOURCES, *SITE] if not path.stem.startswith("__"))
    wrong = [f"{_at(folder)} {n}" for folder, n in modules.items() if n > MAX_MODULES]
    assert not wrong, f"open a room, a noun of the glossary, below: {wrong}"


def test_files_and_functions_are_short() -> None:
    wrong = [
        f"{_at(path)} has {lines} lines"
        for path in [*SHIPPED, *SITE]
        if (lines := path.read_text("utf-8").count("\n")) > MAX_LINES
    ]
    for path in SHIPPED:
        wrong += [
            f"{_at(path, line)} {name} has {lines} lines"
            for line, name, lines in _module(path).functions
            if lines > MAX_FUNCTION_LINES
        ]
    assert not wrong, f"split these where it reads better: {wrong}"


def test_fixtures_of_a_folder_fit_on_a_screen() -> None:
    lines = {p: p.read_text("utf-8").count("\n") for p in SOURCES if p.name == "conftest.py"}
    wrong = [f"{_at(path)} {n}" for path, n in lines.items() if n > MAX_CONFTEST_LINES]
    assert lines
    assert not wrong, f"move what starts and loads things to tests/drivers: {wrong}"


@pytest.mark.parametrize("shipped", [True, False], ids=["shipped", "tests"])
def test_docstrings_and_comments_are_plain_english(*, shipped: bool) -> None:
    words, private = 0, list[str]()
    of_product = set(SHIPPED)
    for path in SOURCES:
        if (path in of_product) == shipped:
            for text in _prose(path):
                words += len(re.findall(r"[A-Za-z']+", text))
                private += [f"{_at(path)} {word}" for word in WORD.findall(text)]
    most = MAX_WORDS_PER_THOUSAND * words / 1000
    assert len(private) <= most, f"use plain verbs (publish, return, store) in: {private}"
