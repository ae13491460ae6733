"""Two floors and one stair between them, and documents that tell the truth."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc

import tsgen

ROOT = Path(tsgen.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
TENSOR_FLOOR = [path for path in FILES if ROOT / "nn" in path.parents]
STAIR = [
    path
    for name in ("generators", "persistence")
    for path in (ROOT / name).glob("*.py")
]
ARRAY_FLOOR = [path for path in FILES if path not in TENSOR_FLOOR + STAIR]
LIGHT = (
    "augmentation",
    "comparison",
    "datasets",
    "exceptions",
    "inspection",
    "memorization",
    "metrics",
    "plots",
    "reference",
    "scorers",
)
HEAVY = ("torch", "ot", "matplotlib", "pandas")


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def imported(nodes):
    """Names of the modules that import statements among `nodes` load."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


# who may import whom


@pytest.mark.parametrize("path", ARRAY_FLOOR, ids=name_of)
def test_the_array_floor_loads_no_tensors(path):
    loaded = imported(ast.parse(path.read_text()).body)
    heavy = ("torch", "safetensors.torch", "tsgen.nn", "tsgen.generators")
    assert not [name for name in loaded if name.startswith(heavy)]


@pytest.mark.parametrize("path", TENSOR_FLOOR, ids=name_of)
def test_the_tensor_floor_knows_no_arrays_from_below(path):
    loaded = [
        name
        for name in imported(ast.walk(ast.parse(path.read_text())))
        if name.startswith("tsgen")
    ]
    assert all(name.startswith(("tsgen.nn", "tsgen.exceptions")) for name in loaded)


ORDER = [
    "rows",
    "layers",
    "noise",
    "devices",
    "gradients",
    "encoders",
    "decoders",
    "likelihoods",
    "denoisers",
    "samplers",
    "diffusion",
    "series_diffusion",
    "models",
    "dependency",
    "objectives",
    "inference",
    "bounds",
    "training",
    "critics",
]


@pytest.mark.parametrize("path", TENSOR_FLOOR, ids=name_of)
def test_a_module_of_the_tensor_floor_imports_only_those_before_it(path):
    if path.stem == "__init__":
        return
    loaded = imported(ast.walk(ast.parse(path.read_text())))
    place = path.relative_to(ROOT / "nn").with_suffix("").parts[0]
    before = tuple(f"tsgen.nn.{name}" for name in ORDER[: ORDER.index(place)])
    if path.stem != place:  # in a folder of its own
        before += (f"tsgen.nn.{place}",)
    assert all(name.startswith(before) for name in loaded if name[:8] == "tsgen.nn")


def test_importing_loads_nothing_heavy():
    """Beyond scikit-learn, which itself loads pandas where it finds it."""
    names = ", ".join(f"tsgen.{name}" for name in LIGHT)
    code = (
        "import sys, sklearn.utils.validation; before = set(sys.modules); "
        f"import {names}; print(*set({HEAVY}) & (set(sys.modules) - before))"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_global_is_seeded_or_drawn_from(path):
    tree = ast.parse(path.read_text())
    calls = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    bad = r"(np|numpy)\.random\.(seed|rand|randn|normal|uniform|choice|permutation)"
    bad += r"|torch\.manual_seed|torch\.cuda\.manual_seed\w*|random\.\w+"
    assert not [call for call in calls if re.fullmatch(bad, call)]


# documents


def public_objects():
    """Public classes and functions, each under its full name, and their methods."""
    for info in pkgutil.walk_packages([str(ROOT)], "tsgen."):
        if any(part.startswith("_") for part in info.name.split(".")):
            continue
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            own = getattr(value, "__module__", None) == info.name
            if name.startswith("_") or not own:
                continue
            if inspect.isfunction(value):
                yield f"{info.name}.{name}", value
            elif inspect.isclass(value):
                yield f"{info.name}.{name}", value
                yield from public_methods(f"{info.name}.{name}", value)


def public_methods(prefix, owner):
    for name, value in vars(owner).items():
        value = getattr(value, "__func__", value)
        if not name.startswith("_") and inspect.isfunction(value):
            yield f"{prefix}.{name}", value


OBJECTS = dict(public_objects())


def documented(value):
    """Names and types of the parameters that a docstring lists."""
    if not value.__doc__:
        return {}
    parse = ClassDoc if inspect.isclass(value) else FunctionDoc
    found = {}
    for names, kind, _ in parse(value)["Parameters"]:
        for name in names.split(", "):
            found[name.lstrip("*")] = kind
    return found


def declared(value):
    """Names and defaults of the parameters that a signature has."""
    if inspect.isclass(value) and value.__init__ is object.__init__:
        return {}
    parameters = list(inspect.signature(value).parameters.values())
    is_method = inspect.isfunction(value) and "." in value.__qualname__
    return {p.name: p.default for p in parameters[is_method:]}


DOCUMENTED = {name: value for name, value in OBJECTS.items() if documented(value)}


def test_there_is_something_to_check():
    assert len(DOCUMENTED) > 20


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documented_parameters_are_those_of_the_signature(name):
    value = DOCUMENTED[name]
    assert sorted(documented(value)) == sorted(declared(value))


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documented_defaults_are_those_of_the_signature(name):
    value = DOCUMENTED[name]
    defaults = declared(value)
    for parameter, kind in documented(value).items():
        found = re.search(r"default=(.*)$", kind)
        if found:
            assert repr(defaults[parameter]) == repr(ast.literal_eval(found[1]))


@pytest.mark.parametrize(
    "name", [name for name in DOCUMENTED if not name.startswith("tsgen.nn.")]
)
def test_every_default_of_the_array_floor_is_documented(name):
    kinds = documented(DOCUMENTED[name])
    for parameter, default in declared(DOCUMENTED[name]).items():
        known = "default=" in kinds[parameter] or parameter == "y"
        if default is not inspect.Parameter.empty:
            assert known or (default is None and "optional" in kinds[parameter])


@pytest.mark.parametrize("name", OBJECTS)
def test_everything_public_has_a_docstring(name):
    assert OBJECTS[name].__doc__
