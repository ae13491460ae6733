"""The benchmarks beside the tables of the paper: they can be started at all."""

import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = [path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__"]


@pytest.fixture(autouse=True)
def beside_each_other(monkeypatch):
    """Let scripts import each other, as when they are run."""
    monkeypatch.syspath_prepend(FOLDER)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.split(".")[0] in {*SCRIPTS, "paper"}:
            del sys.modules[name]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_can_be_imported(name):
    assert import_module(name).__doc__


@pytest.mark.parametrize("backbone", ["lstm", "transformer"])
def test_untrained_decoders_are_measured(backbone):
    dependency = import_module("dependency")
    random = torch.Generator().manual_seed(0)
    decoder = dependency.untrained(backbone, random)
    z, x = torch.randn(2, 64, generator=random), torch.randn(2, 4, 28, generator=random)
    found = dependency.measured(decoder, z, x, 8, dependency.FIXED)
    assert found.global_.shape == (2, 4)


def test_peers_measure_what_has_no_row_yet(monkeypatch):
    peers = import_module("peers")
    row = {"data": "energy", "job": "references", "seed": "1"}
    monkeypatch.setattr(peers, "read_rows", lambda name: [row])
    units = list(peers.missing(["energy"]))
    assert len(units) == 2 * len(peers.SEEDS) - 1
    assert ("energy", "references", 1) not in units


def test_the_table_of_peers_has_means_over_seeds(monkeypatch):
    peers = import_module("peers")
    row = {"data": "stocks", "who": peers.STABLE, "metric": "spread_ratio"}
    rows = [row | {"seed": str(k), "value": str(0.9 + k / 10)} for k in range(3)]
    monkeypatch.setattr(peers, "read_rows", lambda name: rows)
    (line,) = (x for x in peers.table().splitlines() if "stable posterior | 3" in x)
    assert line.startswith("| stocks: stable posterior | 3 |  |  | 1.00 ± 0.25 |")
    assert line.count("|") == peers.table().splitlines()[0].count("|")
