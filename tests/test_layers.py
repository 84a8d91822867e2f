"""The house stands: modules do not import each other in a circle, at run time or for types, and import at their top."""

from __future__ import annotations

import ast
from pathlib import Path

import grimp
import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "splat"

# Circles that are known; this list only shrinks.
KNOWN: list[set[str]] = []

# Imports inside functions that are left outside of the commands; lower this when some are gone.
MOST_INSIDE = 17
# Optional, or needed by few and slow to load; everything else is imported at the top, where need be by `splat.lazy`.
RARE = {
    "av", "diffusers", "flip_evaluator", "fused_ssim", "gsplat", "huggingface_hub", "lpips", "open3d", "OpenEXR",
    "pillow_heif", "pxr", "pycolmap", "rawpy", "torchvision", "transformers",
}  # fmt: skip


def circles(imports: dict[str, set[str]]) -> list[set[str]]:
    """The groups of modules that all reach each other: strongly connected components of two or more (Tarjan 1972)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    waiting: list[str] = []
    found: list[set[str]] = []

    def visit(module: str) -> None:
        order[module] = lowest[module] = len(order)
        waiting.append(module)
        for other in sorted(imports[module]):
            if other not in order:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in waiting:
                lowest[module] = min(lowest[module], order[other])
        if lowest[module] == order[module]:
            start = waiting.index(module)
            group = set(waiting[start:])
            del waiting[start:]
            if len(group) > 1 or module in imports[module]:
                found.append(group)

    for module in sorted(imports):
        if module not in order:
            visit(module)
    return found


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """Each module of splat and the modules of splat that it imports anywhere in its file, inside functions too."""
    graph = grimp.build_graph("splat", cache_dir=None)
    return {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}


def test_circles_are_found() -> None:
    imports = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"d", "f"}, "f": {"e"}, "g": {"g"}}
    assert circles(imports) == [{"a", "b", "c"}, {"e", "f"}, {"g"}]


def test_no_circle_of_imports_but_the_known_ones(imports: dict[str, set[str]]) -> None:
    assert len(imports) > 200 and "splat.hub" in imports["splat.train.priors"]
    found = circles(imports)
    assert [circle for circle in found if circle not in KNOWN] == []
    assert [circle for circle in KNOWN if circle not in found] == [], "gone: take it off the list"


def imports_inside(source: str) -> list[str]:
    """The modules that functions of a source import when they run."""
    functions = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    found = {node: None for function in functions for node in ast.walk(function)}  # each once, in nested functions too
    modules = [[alias.name for alias in node.names] for node in found if isinstance(node, ast.Import)]
    modules += [[node.module or "."] for node in found if isinstance(node, ast.ImportFrom)]
    return [name for names in modules for name in names]


def test_imports_inside_functions_are_found() -> None:
    source = (
        "import a\ndef f():\n    import b.c, d\n    async def g():\n        from e.f import g\nif True:\n    import h\n"
    )
    assert sorted(imports_inside(source)) == ["b.c", "d", "e.f"]


def test_imports_stand_at_the_top() -> None:
    """But for the commands, which are read for help, and the probes of `splat doctor`, whose question an import is."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE)
        if inside.parts[0] not in ("commands", "doctor_probes.py"):
            found += [f"{inside}: {module}" for module in imports_inside(path.read_text(encoding="utf-8"))]
    assert found, "the package was not found"
    left = [line for line in found if line.split(": ")[1].split(".")[0] not in RARE]
    assert len(left) <= MOST_INSIDE, f"import these at the top, or with splat.lazy where loading is slow: {left}"
