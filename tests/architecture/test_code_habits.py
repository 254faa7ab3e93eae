"""Habits that matter, held over every file: size, one reader of the environment, no left-overs, sentences on doors."""

import ast
import re
from collections.abc import Iterator

from tests.architecture.source_files import ROOMS, Source, sources

MAX_FILE_LINES = 400
MAX_TEST_FILE_LINES = 500  # tables of cases are long
MAX_FUNCTION_LINES = 60
ENVIRONMENT_READERS = {"bot/compose.py", "engine/sampler/compose.py"}

FILES = sources(*ROOMS, "tools")
TESTS = sources("tests")


def functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method in the file, nested ones too."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_enough_is_looked_at() -> None:
    assert len(FILES) >= 90
    assert sum(1 for source in FILES for _ in functions(source)) >= 500
    assert len(TESTS) >= 30


def test_no_file_is_too_long() -> None:
    lengths = {source.path: len(source.text.splitlines()) for source in (*FILES, *TESTS)}
    assert {path: n for path, n in lengths.items() if n > MAX_TEST_FILE_LINES} == {}
    assert {path: n for path, n in lengths.items() if n > MAX_FILE_LINES and not path.startswith("tests/")} == {}


def test_no_function_is_too_long() -> None:
    long = {
        f"{source.path}:{node.lineno} {node.name}": length
        for source in FILES
        if not source.path.startswith("storage/migrations/versions/")  # straight lists, written once and never edited
        for node in functions(source)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    }
    assert long == {}


def reads_the_environment(node: ast.AST) -> bool:
    """Whether this is `os.environ`, `os.getenv` or an import of one of them."""
    match node:
        case ast.Attribute(value=ast.Name(id="os"), attr=name):
            return name in {"environ", "environb", "getenv", "getenvb"}
        case ast.ImportFrom(module="os", names=names):
            return any(alias.name.startswith(("environ", "getenv")) for alias in names)
    return False


def test_only_the_compose_files_read_the_environment() -> None:
    readers = {s.path for s in sources(*ROOMS) if any(reads_the_environment(node) for node in ast.walk(s.tree))}
    assert readers <= ENVIRONMENT_READERS
    assert "bot/compose.py" in readers


def test_no_left_overs() -> None:
    marks = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|Not" r"ImplementedError")
    assert [s.path for s in (*FILES, *TESTS) if marks.search(s.text)] == []


def test_every_public_name_says_what_it_is() -> None:
    silent = [source.path for source in sources(*ROOMS) if source.text.strip() and not ast.get_docstring(source.tree)]
    for source in sources(*ROOMS):
        for node in source.tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
                silent += [] if ast.get_docstring(node) else [f"{source.path}:{node.lineno} {node.name}"]
    assert silent == []
