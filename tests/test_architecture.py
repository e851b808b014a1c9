"""The rooms of the package: which may know which, how long a file may be, that each says what it is.

Read from the source with ast, so that imports inside functions count as well. Only a module asked
for by a string (`import_module("...")`) is out of sight, and that is on purpose: it is how a lower
room may ask a higher one at display time without knowing it.
"""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "llmkit"
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES
}
LONGEST = 600

#: What each room may import, besides itself. Everything below `engine` is known from there on up.
GROUND = {"core", "errors"}
CALLS = GROUND | {"wire", "providers", "models", "ledger", "sim"}
ROOMS = {
    "core": set(),
    "errors": {"core"},
    "wire": GROUND,
    "sim": GROUND,
    "models": GROUND,
    "ledger": GROUND | {"models"},
    "providers": GROUND | {"wire", "models", "sim"},
    "engine": CALLS | {"nested"},
    "routing": CALLS | {"engine"},
    "flow": CALLS | {"engine", "routing"},
    "jobs": CALLS | {"engine", "routing"},
    "notebook": CALLS | {"engine", "routing", "jobs", "nested"},
    "nested": GROUND,
    "testing": CALLS | {"engine", "jobs"},
    "demo": GROUND | {"notebook", ""},
    "cli": CALLS | {"engine", "routing", "jobs", "notebook", "demo", "nested", ""},
    "__main__": {"cli"},
    # The face: it loads its names by string; the imports that type checkers see may point anywhere.
    "": CALLS | {"engine", "flow", "routing", "jobs", "notebook", "nested", "testing"},
}
#: Rooms that stand on the standard library alone.
STDLIB_ONLY = {"core", "sim"}
#: What may be asked of outside packages while a module is being imported (the rest goes into functions).
LIGHT = {"jiter"}
#: What only one room is made of.
OWN = {"cli": {"click"}}
#: Files that are there to bring one package in, and are imported by nobody before it is needed.
BRINGS = {"pytest_plugin.py": {"pytest"}, "litellm_sdk.py": {"litellm"}}


def room(path):
    """The room a file is in: the folder or module right under the package; "" is the face."""
    inside = path.relative_to(PACKAGE).parts
    return "" if inside == ("__init__.py",) else inside[0].removesuffix(".py")


def imports(path):
    """Every import of a file, as (dotted name, line, at the top?)."""
    tree = ast.parse(path.read_text("utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    in_function = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        at_top = id(node) not in typing_only and id(node) not in in_function
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, at_top
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute here"
            if node.module == "llmkit":
                for alias in node.names:
                    # `from llmkit import wire` means the room; any other name is the face's.
                    name = alias.name if alias.name in ROOMS else ""
                    yield f"llmkit.{name}".rstrip("."), node.lineno, at_top
            else:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    yield inner if inner in MODULES else node.module, node.lineno, at_top


def where(path):
    return str(path.relative_to(ROOT))


def test_every_room_has_a_place_in_the_order():
    assert {room(path) for path in FILES} == set(ROOMS)


def test_the_order_has_no_circle():
    def below(name, seen=()):
        assert name not in seen, f"{' -> '.join((*seen, name))} is a circle"
        for lower in ROOMS[name] - {""}:
            below(lower, (*seen, name))

    for name in ROOMS:
        below(name)


def test_any_file_may_be_imported_first():
    """No two files need each other to begin with."""
    needs = {
        module: {name for name, _, at_top in imports(path) if at_top and name in MODULES} - {module}
        for module, path in MODULES.items()
    }
    TopologicalSorter(needs).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("path", FILES, ids=where)
def test_arrows_point_down_only(path):
    mine = room(path)
    wrong = []
    for name, line, _ in imports(path):
        package, _, rest = name.partition(".")
        if package != "llmkit":
            continue
        theirs = rest.partition(".")[0]
        if theirs != mine and theirs not in ROOMS[mine]:
            wrong.append(f"line {line}: {mine or 'the face'} may not know {name}")
    assert wrong == []


@pytest.mark.parametrize("path", [path for path in FILES if room(path) in STDLIB_ONLY], ids=where)
def test_values_and_the_simulator_stand_on_the_standard_library(path):
    import sys

    outside = {name.partition(".")[0] for name, _, _ in imports(path)} - sys.stdlib_module_names - {"llmkit"}
    assert outside <= BRINGS.get(path.name, set())


@pytest.mark.parametrize(
    "path", [path for path in FILES if room(path) not in {"notebook", "jobs"}], ids=where
)
def test_heavy_packages_are_imported_inside_functions(path):
    import sys

    outside = {name.partition(".")[0] for name, _, at_top in imports(path) if at_top}
    allowed = LIGHT | OWN.get(room(path), set()) | {"llmkit"} | BRINGS.get(path.name, set())
    assert outside - sys.stdlib_module_names - allowed == set()


@pytest.mark.parametrize("path", FILES, ids=where)
def test_a_file_is_one_idea_and_not_two(path):
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= LONGEST, f"{where(path)} has {lines} lines; that is two ideas."


@pytest.mark.parametrize("path", FILES, ids=where)
def test_a_file_says_what_lives_in_it(path):
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert docstring
    assert len(docstring) >= 20


def test_no_room_is_a_drawer_for_everything():
    assert [where(path) for path in FILES if path.stem in {"utils", "helpers", "misc", "common"}] == []


def test_every_room_is_a_package():
    folders = {path.parent for path in FILES}
    assert [where(folder) for folder in folders if not (folder / "__init__.py").exists()] == []
