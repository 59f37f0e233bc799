"""The documentation is executed: its code runs, its outputs are right, its links and commands lead somewhere.

Rules for the pages: the ```python blocks of a page share a namespace, in order. A block with `>>>` is checked as a
doctest. What any other block prints must be the ```text block right after it. ```console blocks are not run, but what
they name must exist.
"""

import contextlib
import doctest
import importlib
import io
import re
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
PACKAGES = [ROOT / "balanceidx", *sorted(ROOT.glob("adapters/balanceidx_*"))]

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r'\]\(([^)\s]+)\)|\b(?:src|srcset|href)="([^"]+)"')
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block and where it stands in its page."""

    language: str
    code: str
    start: int
    end: int
    line: int  # of the first line of code, counted from 0


def blocks(text: str) -> list[Block]:
    """Fenced blocks of a page; a fence that is indented or says more than a language would go unseen."""
    found = list(FENCED.finditer(text))
    fences = re.findall(r"^ *```.*$", text, re.MULTILINE)
    assert len(fences) == 2 * len(found), f"fences that do not pair as ```language .. ```: {fences}"
    return [Block(match[1], match[2], *match.span(), text.count("\n", 0, match.start(2))) for match in found]


def run(page: Path) -> int:
    """Run the Python blocks of a page, and return how many there are."""
    text = page.read_text()
    namespace: dict[str, object] = {"__name__": page.stem}
    found = [*blocks(text), Block("", "", len(text), len(text), 0)]
    count = 0
    for block, after in pairwise(found):
        if block.language != "python":
            continue
        count += 1
        if ">>> " in block.code:
            namespace = check_examples(block, page, namespace)
            continue
        follows = after.language == "text" and not text[block.end : after.start].strip()
        shown = after.code if follows else ""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * block.line + block.code, str(page), "exec"), namespace)
        assert printed.getvalue() == shown, f"{page}:{block.line}: prints\n{printed.getvalue()}but shows\n{shown}"
    return count


def check_examples(block: Block, page: Path, namespace: dict[str, object]) -> dict[str, object]:
    """Check a block of `>>>` examples, and return the namespace after it."""
    name = f"{page.name}:{block.line}"
    test = doctest.DocTestParser().get_doctest(block.code, namespace, name, str(page), block.line)
    report: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    failed, _ = runner.run(test, out=report.append, clear_globs=False)
    assert not failed, "".join(report)
    return test.globs


def dead_links(page: Path) -> list[str]:
    """Relative links and images of a page that lead nowhere."""
    prose = FENCED.sub("", page.read_text())
    dead = []
    for match in LINK.finditer(prose):
        link = match[1] or match[2]
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    return dead


def anchors(page: Path) -> set[str]:
    """Anchors that GitHub gives the headings of a page."""
    headings = HEADING.findall(FENCED.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def unknown_names(page: Path) -> list[str]:
    """Make targets, scripts and extras that console blocks name and the repository does not have."""
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    unknown = []
    for block in blocks(page.read_text()):
        if block.language != "console":
            continue
        lines = [line.partition("#")[0] for line in block.code.splitlines()]
        for line in lines:
            if line.startswith("make "):
                unknown += [name for name in line.split()[1:] if re.fullmatch(r"[\w-]+", name) and name not in targets]
            unknown += [name for name in re.findall(r"[\w/.-]+\.py\b", line) if not (ROOT / name).exists()]
            for named in re.findall(r"balanceidx\[([\w,]+)\]", line):
                unknown += [extra for extra in named.split(",") if extra not in extras]
    return unknown


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_code_of_the_page_runs_and_prints_what_it_shows(page):
    run(page)


def test_the_main_pages_have_code():
    with_code = {page.name for page in PAGES if "```python\n" in page.read_text()}
    assert {"README.md", "guide.md", "promises.md"} <= with_code


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_of_the_page_lead_somewhere(page):
    assert dead_links(page) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_of_the_page_exist(page):
    assert unknown_names(page) == []


WRONG = {
    "wrong output": "```python\n>>> 1 + 1\n3\n```\n",
    "missing output": "```python\n>>> 1 + 1\n```\n",
    "error": "```python\n>>> 1 / 0\n```\n",
    "error in a script": "```python\n1 / 0\n```\n",
    "unknown name": "```python\nimport balanceidx as bx\n\nbx.rate\n```\n",
    "wrong text": "```python\nprint(1)\n```\n\n```text\n2\n```\n",
    "no text": "```python\nprint(1)\n```\n\nThat prints 1.\n\n```text\n1\n```\n",
    "second block": "```python\nx = 1\n```\n\n```python\n>>> x\n2\n```\n",
    "unseen block": "1. One:\n\n   ```python\n   1 / 0\n   ```\n",
    "warning": "```python\nimport warnings\n\nwarnings.warn('old')\n```\n",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_a_wrong_block_fails(text, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises((AssertionError, ArithmeticError, AttributeError, Warning)):
        run(page)


def test_a_right_page_passes(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# One, two\n\n```python\nx = 1\nprint(x)\n```\n\n```text\n1\n```\n\n```python\n>>> x\n1\n>>> y = 2\n```\n\n"
        "```python\n>>> y\n2\n```\n\n```console\nmake test PYTEST_ARGS=-x\n```\n\n[one](#one-two), "
        "[same](page.md#one-two)\n"
    )
    assert run(page) == 3
    assert dead_links(page) == []
    assert unknown_names(page) == []


def test_dead_links_and_unknown_names_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# One\n\n[a](gone.md), ![b](gone.png), [c](#two), [d](page.md#two), [e](https://example.org)\n\n"
        '<img src="gone.svg">\n\n'
        "```console\nmake tests\npython docs/gone.py\npip install 'balanceidx[torch,gone]'\n```\n"
    )
    assert dead_links(page) == ["gone.md", "gone.png", "#two", "page.md#two", "gone.svg"]
    assert unknown_names(page) == ["tests", "docs/gone.py", "gone"]


def modules() -> list[str]:
    """Names of all modules that users may see."""
    files = [file.relative_to(package.parent) for package in PACKAGES for file in sorted(package.rglob("*.py"))]
    names = [".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files]
    return [name for name in names if not name.endswith(".__main__")]


def with_marks(name: str):
    """Compiling the examples of the JAX adapter takes several seconds a module."""
    return pytest.param(name, marks=pytest.mark.slow if name.startswith("balanceidx_jax") else ())


@pytest.mark.parametrize("name", [with_marks(name) for name in modules()])
def test_examples_of_docstrings(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_docstrings_of_every_package_have_examples(package):
    found = doctest.DocTestFinder().find(importlib.import_module(package.name))
    assert any(test.examples for test in found)


@pytest.mark.slow
def test_measured_tables_are_those_of_the_pages():
    command = [sys.executable, str(ROOT / "docs" / "measure_claims.py")]
    tables = (
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=240).stdout.strip().split("\n\n")
    )
    text = "\n".join(page.read_text() for page in PAGES)
    assert len(tables) > 1
    for table in tables:
        assert table in text
