"""The house: imports run down, in no circle; a call of `epoch_indices` crosses few rooms and enters the plan once."""

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import numpy as np
import pytest

import balanceidx as bx

CORE = Path(bx.__file__).parent
LINES = 6_000


def imports_of(code: str) -> set[str]:
    """Modules of the core that a module imports when it is loaded; imports for type checkers alone are none."""
    found: set[str] = set()
    body = [
        node
        for node in ast.parse(code).body
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
    ]
    for node in body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "balanceidx":
            own = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if is_module(name) else node.module for name in own}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("balanceidx.")}
    return found


def is_module(name: str) -> bool:
    path = CORE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def modules() -> dict[str, set[str]]:
    """What every module of the core imports; the front page and the door stand above all."""
    found = {}
    for path in CORE.rglob("*.py"):
        parts = path.relative_to(CORE.parent).with_suffix("").parts
        if parts[-1] not in ("__init__", "adapting"):
            found[".".join(parts)] = imports_of(path.read_text())
    return found


def wrong_arrows(rooms: dict[str, set[str]]) -> list[str]:
    """Imports that run up: the format knows nothing of the rest, and only makers know how plans are made."""
    wrong = []
    for name, taken in rooms.items():
        for other in taken:
            up_from_format = name.startswith("balanceidx._format") and not other.startswith("balanceidx._format")
            up_to_makers = other.startswith("balanceidx._make") and not name.startswith("balanceidx._make")
            if up_from_format or up_to_makers:
                wrong.append(f"{name} -> {other}")
    return wrong


def test_imports_run_down_in_no_circle():
    rooms = modules()
    assert len(rooms) > 25 and wrong_arrows(rooms) == []
    list(TopologicalSorter(rooms).static_order())  # raises for a circle


def test_the_checks_of_imports_can_fail():
    assert wrong_arrows({"balanceidx._format.deal": imports_of("from balanceidx import _checks")})
    assert wrong_arrows({"balanceidx._plan": imports_of("from balanceidx._make.build import build")})
    assert (
        imports_of("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from balanceidx._plan import Plan")
        == set()
    )
    with pytest.raises(CycleError):
        list(TopologicalSorter({"a": {"b"}, "b": {"a"}}).static_order())


def files_crossed(call) -> tuple[list[str], int]:
    """The most files of the core that stand on one stack during a call, and how often a method of a plan was entered."""
    deepest: list[str] = []
    entered = 0

    def look(frame, event, _argument):
        nonlocal deepest, entered
        if event != "call" or not frame.f_code.co_filename.startswith(str(CORE)):
            return
        entered += frame.f_code.co_filename.endswith("_plan.py") and frame.f_code.co_name == "_indices"
        stack = []
        while frame is not None:
            name = frame.f_code.co_filename
            if name.startswith(str(CORE)) and name not in stack:
                stack.append(name)
            frame = frame.f_back
        if len(stack) > len(deepest):
            deepest = stack[::-1]

    sys.setprofile(look)
    try:
        call()
    finally:
        sys.setprofile(None)
    return [str(Path(name).relative_to(CORE)) for name in deepest], entered


def test_the_way_from_a_call_to_numpy_crosses_at_most_six_files():
    plan = bx.ratio(np.arange(20_000) % 100 == 0, {False: 0.7, True: 0.3}, batch_size=100)
    files, entered = files_crossed(lambda: plan.epoch_indices(3, 1, epoch=5, world_size=2))
    print(" -> ".join(files))
    assert files[0] == "_plan.py" and len(files) <= 6
    assert entered == 1


def test_the_core_is_small():
    lines = sum(len(path.read_text().splitlines()) for path in CORE.rglob("*.py"))
    assert lines < LINES
