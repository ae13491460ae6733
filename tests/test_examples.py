"""The examples run to their end, with networks that are hardly trained."""

import runpy
from pathlib import Path

import pytest
from joblib import parallel_config

from tsgen.generators.base import BaseGenerator

FOLDER = Path(__file__).parents[1] / "examples"
BRIEF = {"max_iter": 1, "prior_max_iter": 1, "hidden_size": 8}


@pytest.fixture
def brief(monkeypatch):
    """Train every network for one epoch a stage, in this process."""
    fit = BaseGenerator._fit

    def briefly(self, *args, **kwargs):
        known = self.get_params()
        self.set_params(**{name: BRIEF[name] for name in BRIEF.keys() & known.keys()})
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(BaseGenerator, "_fit", briefly)
    with parallel_config("threading"):
        yield


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", sorted(FOLDER.glob("plot_*.py")), ids=lambda p: p.stem)
def test_the_example_runs_and_draws(brief, path, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(path)])
    runpy.run_path(str(path), run_name="__main__")
    assert list(tmp_path.glob("*.png"))
    assert "saved" in capsys.readouterr().out
