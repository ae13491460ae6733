import csv
import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import report as rows_report
from benchmarks.paper import ablations, generators, report, run, sets, units
from tsgen import LatentDiffusionGenerator, StablePosteriorGenerator
from tsgen.metrics import sliced_wasserstein_distance, spread_ratio
from tsgen.metrics._catalogue import resolve

QUICK = ["table1", "--quick", "--jobs", "1", "--sets", "earthquakes"]
STABLE = [*QUICK, "--generators", "stable posterior", "--backbones", "lstm"]
FEW = {
    "sliced_wasserstein_distance": sliced_wasserstein_distance,
    "spread_ratio": spread_ratio,
}
TINY = {
    "hidden_size": 8,
    "latent_size": 4,
    "n_levels": 20,
    "n_sampling_steps": 5,
    "n_inference_levels": 2,
    "n_collapse_levels": 4,
    "max_iter": 1,
    "prior_max_iter": 1,
    "check_collapse": False,
}


@pytest.fixture
def results(monkeypatch, tmp_path, X):
    """Return the file of results, of a tiny set, generator and two metrics."""
    make = generators.make

    def tiny(name, backbone, mode, seed):
        if name in generators.REFERENCES:
            return make(name, backbone, mode, seed)
        return StablePosteriorGenerator(**TINY, random_state=seed)

    monkeypatch.setattr(rows_report, "FOLDER", tmp_path)
    monkeypatch.setitem(sets.SETS, "earthquakes", lambda places: (X[:24], X[24:]))
    monkeypatch.setattr(generators, "make", tiny)
    monkeypatch.setattr(units, "METRICS", resolve(FEW))
    monkeypatch.setattr(units, "DECODED", resolve(FEW))
    sets.load.cache_clear()
    yield tmp_path / run.RESULTS
    sets.load.cache_clear()


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# running


def test_a_fit_has_all_its_rows_with_floors(results):
    run.main(STABLE)
    rows = [row for row in read(results) if row["generator"] == "stable posterior"]
    figures = {(row["metric"], row["part"]): row for row in rows}
    assert set(figures) == {
        *((name, part) for name in FEW for part in ("samples", "decoded")),
        ("share_nearer_train", "samples"),
        *((name, "") for name in units.DEPENDENCIES),
        ("fit_cpu_seconds", ""),
        ("sample_cpu_seconds", ""),
    }
    assert all(math.isfinite(float(row["value"])) for row in rows)
    assert all(row["versions"] and row["hardware"] for row in rows)
    floors = {
        (row["metric"], row["part"]): row["value"]
        for row in read(results)
        if row["generator"] == generators.FLOOR
    }
    assert len(floors) == 4
    for key, row in figures.items():
        assert row["floor"] == floors.get(key, "")
    assert float(figures["global_dependency_first", ""]["value"]) == pytest.approx(1)


def test_the_floor_scores_real_series_both_ways(results, X):
    run.main(STABLE)
    rows = [row for row in read(results) if row["generator"] == generators.FLOOR]
    spreads = {r["part"]: float(r["value"]) for r in rows if "spread" in r["metric"]}
    fitted = sets.subset(X[:24], 16, 0)
    assert spreads["samples"] == pytest.approx(spread_ratio(X[24:], fitted), rel=1e-5)
    assert spreads["decoded"] == pytest.approx(spread_ratio(fitted, X[24:]), rel=1e-5)


def test_the_same_seed_gives_the_same_figures_again(results):
    run.main(STABLE)
    first = [row["value"] for row in read(results) if "cpu" not in row["metric"]]
    results.unlink()
    run.main(STABLE)
    again = [row["value"] for row in read(results) if "cpu" not in row["metric"]]
    assert first == again


def test_a_second_run_repeats_nothing_and_adds_what_is_new(results, monkeypatch):
    run.main(STABLE)
    before = results.read_text()
    measured = []
    measure = run.measure
    monkeypatch.setattr(
        run, "measure", lambda *task: [measured.append(task[0]), *measure(*task)][1:]
    )
    run.main(STABLE)
    assert results.read_text() == before
    assert not measured
    run.main([*STABLE, "--seeds", "2"])
    assert results.read_text().startswith(before)
    assert {unit.seed for unit in measured} == {1}
    assert len(measured) == len(generators.REFERENCES) + 1


def test_a_failed_fit_stops_no_other_and_is_tried_again(results, monkeypatch, capsys):
    make = generators.make

    def broken(*options):
        raise RuntimeError("diverged")

    monkeypatch.setattr(generators, "make", broken)
    run.main(STABLE)
    assert {row["generator"] for row in read(results)} == {generators.FLOOR}
    assert "diverged" in capsys.readouterr().err
    monkeypatch.setattr(generators, "make", make)
    run.main(STABLE)
    assert "stable posterior" in {row["generator"] for row in read(results)}


def test_a_failed_metric_is_nan_beside_the_others(results, monkeypatch):
    def refuse(X_real, X_synthetic):
        raise ValueError("no")

    monkeypatch.setattr(units, "METRICS", resolve({"refuse": refuse, **FEW}))
    run.main(STABLE)
    rows = [row for row in read(results) if row["generator"] == "Gaussian"]
    values = {row["metric"]: float(row["value"]) for row in rows}
    assert math.isnan(values["refuse"])
    assert values["spread_ratio"] > 0


def test_sets_without_files_are_skipped_with_what_to_do(results, tmp_path, capsys):
    some = ["--sets", "earthquakes", "mimic", "retail"]
    run.main([*STABLE, *some, "--data-home", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "mimic is skipped, see --mimic" in printed
    assert "retail is skipped, see --retail" in printed
    assert "by hand" in printed
    assert {row["data"] for row in read(results)} == {"earthquakes"}


def test_a_dask_cluster_measures_as_one_process_does(results):
    distributed = pytest.importorskip("distributed")
    run.main(STABLE)
    alone = {tuple(row.values())[:8] for row in read(results)}
    results.unlink()
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        run.main([*STABLE, "--dask", cluster.scheduler_address])
    on_cluster = {tuple(row.values())[:8] for row in read(results)}
    assert {row for row in alone if "cpu" not in row[5]} == {
        row for row in on_cluster if "cpu" not in row[5]
    }


def test_the_first_seed_comes_first_and_the_two_methods_before_the_others():
    options = run.parsed(["--seeds", "2"])
    references, fits, *later = run.phases(options, absent={"mimic"})
    assert {unit.generator for unit in references} == set(generators.REFERENCES)
    assert {unit.seed for unit in (*references, *fits)} == {0}
    assert {unit.seed for phase in later for unit in phase} == {1}
    order = list(dict.fromkeys(unit.generator for unit in fits))
    assert order[:2] == ["stable posterior", "latent diffusion"]
    assert set(order) == set(generators.ALL)
    assert len(set(fits)) == len(fits)
    assert "mimic" not in {unit.data for unit in (*references, *fits)}


def test_unknown_entries_are_refused(capsys):
    with pytest.raises(SystemExit):
        run.parsed(["table3"])
    assert "table3" in capsys.readouterr().err


# generators


@pytest.mark.parametrize("name", list(generators.METHODS))
def test_every_row_differs_from_its_method_in_one_option(name):
    made = generators.make(name, "transformer", "full", 3)
    assert made.random_state == 3
    if name == generators.DIRECT:
        return
    options = {"backbone": "transformer", "check_collapse": False, "random_state": 3}
    plain = type(made)(**options).get_params()
    changed = {k for k, v in made.get_params().items() if v != plain[k]}
    assert len(changed) == (name not in (generators.STABLE, generators.PLAIN))


@pytest.mark.parametrize(
    ("name", "printed"),
    list(zip(generators.METHODS[:-1], generators.PAPERS, strict=True)),
)
def test_rows_as_in_the_paper_change_likelihood_latent_and_form(name, printed):
    own = generators.make(name, "lstm", "full", 3).get_params()
    made = generators.make(printed, "lstm", "full", 3).get_params()
    assert made["likelihood"] == "gaussian"
    changed = {k for k in own if own[k] != made[k]}
    form = (
        {"skip_connections", "n_inference_levels"}
        if name == generators.STABLE
        else set()
    )
    assert changed == {"likelihood", "latent_size"} | form


def test_the_quick_budget_is_smaller():
    quick = generators.make("latent diffusion", "lstm", "quick", 0)
    assert quick.max_iter == 20
    full = generators.make(generators.PLAIN, "lstm", "full", 0)
    assert full.max_iter == LatentDiffusionGenerator().max_iter


# data sets


def test_no_earthquakes_of_training_and_test_share_a_day():
    days = np.sort(np.concatenate([*sets.split_starts(sets.window_starts()).values()]))
    trained, held_out = sets.apart(days)
    assert trained.sum() > 700
    assert held_out.sum() > 200
    distances = np.abs(days[trained][:, None] - days[held_out])
    assert distances.min() >= np.timedelta64(30, "D")
    X_train, X_test = sets.earthquakes(sets.Places())
    assert X_train.shape == (trained.sum(), 22, 3)
    assert X_test.shape == (held_out.sum(), 22, 3)


def test_groups_stand_on_one_side():
    groups = np.repeat(np.arange(30), np.arange(1, 31))
    X = np.repeat(groups[:, None, None], 4, axis=1)
    train, test = sets._by_group({"data": X, "groups": groups})
    assert not set(train.ravel()) & set(test.ravel())
    assert len(test) / len(X) == pytest.approx(1 / 3, abs=0.05)


def test_a_subset_keeps_the_order(X):
    few = sets.subset(X, 10, 0)
    rows = [int(np.flatnonzero((series == X).all(axis=(1, 2)))[0]) for series in few]
    assert rows == sorted(set(rows))
    assert len(rows) == 10


# report


def row(generator, seed, value, floor, metric="sliced_wasserstein_distance"):
    return {
        "mode": "full",
        "data": "energy",
        "generator": generator,
        "backbone": "" if generator in generators.REFERENCES else "lstm",
        "seed": str(seed),
        "metric": metric,
        "part": "samples",
        "value": str(value),
        "floor": str(floor),
    }


ROWS = [
    *(row(generators.FLOOR, seed, 0.1, 0.1) for seed in range(3)),
    *(row("stable posterior", seed, 0.2 + 0.1 * seed, 0.1) for seed in range(3)),
    *(row("latent diffusion", seed, 0.5, 0.1) for seed in range(4)),
]


def test_the_report_gives_mean_interval_and_excess():
    text = report.tables(ROWS)
    half = 4.302653 * 0.1 / math.sqrt(3)  # t of 2 degrees of freedom
    assert f"| stable posterior | lstm | 3 | 0.30 ± {half:.2f} (+0.2) |" in text
    assert "| real, the floor |  | 3 | 0.1 |" in text
    assert "### energy\n" in text
    assert "mimic" not in text


def test_rows_as_in_the_paper_are_compared_among_themselves():
    stable, plain, *_ = generators.PAPERS
    rows = [*ROWS, row(stable, 0, 0.4, 0.1), row(plain, 0, 0.5, 0.1)]
    text = report.tables(rows)
    main, own = text.split("With the likelihood of the paper")
    assert stable not in main
    assert f"| {stable} | lstm | 1 | 0.4 (+0.3) |" in own
    assert "| lstm | 0.75 |" in own
    assert "| lstm | 0.75 |" in report.tables(rows, of_samples_only=True)
    assert "With the likelihood" not in report.tables(ROWS)


def test_the_report_divides_what_exceeds_the_floor():
    assert "| lstm | 0.50 |" in report.tables(ROWS)
    ratio = report.ratio(
        [row("", 0, 0.05, 0.1)],
        [row("", 0, 0.2, 0.1)],
        "sliced_wasserstein_distance",
        "samples",
    )
    assert ratio == "at the floor"


def test_the_ratio_is_over_seeds_that_both_have():
    rows = [*ROWS, row("latent diffusion", 9, 50, 0.1)]
    assert "| lstm | 0.50 |" in report.tables(rows)


def test_the_picture_shows_the_means_and_the_floor():
    comparison = report.comparison(ROWS, "lstm")
    name = "sliced_wasserstein_distance"
    assert comparison.generators == ["stable posterior", "latent diffusion"]
    assert comparison.mean[name]["stable posterior"] == pytest.approx(0.3)
    assert comparison.floor[name][0] == pytest.approx(0.1)
    assert math.isnan(comparison.mean["mmd"]["stable posterior"])


def test_pictures_are_saved(results, tmp_path):
    run.main(STABLE)
    report.save_figures(read(results), tmp_path)
    assert [path.name for path in tmp_path.glob("*.png")] == ["earthquakes_lstm.png"]


def test_the_report_is_put_between_its_marks():
    document = f"before\n{report.START}\nold\n{report.END}\nafter\n"
    assert report.replaced(document, "new") == (
        f"before\n{report.START}\n\nnew\n\n{report.END}\nafter\n"
    )
    with pytest.raises(ValueError, match="each once"):
        report.replaced("nothing", "new")


def test_a_document_gets_the_samples_alone():
    text = report.tables(ROWS, of_samples_only=True)
    assert "sliced Wasserstein" in text
    assert "Decoded" not in text
    assert "CPU" not in text


def test_a_symbol_is_searched_over_its_values_and_seeds(results, monkeypatch, capsys):
    form = {key: TINY[key] for key in TINY if key != "check_collapse"}
    monkeypatch.setitem(generators.FORM_OF_THE_PAPER, generators.STABLE, form)
    monkeypatch.setattr(ablations, "GRIDS", {"gamma": ("gamma", (1.0, 2.0))})
    ablations.main(["earthquakes", "--seeds", "2"])
    rows = read(results.parent / ablations.RESULTS)
    found = {(row["setting"], row["seed"]) for row in rows}
    assert found == {("1.0", "0"), ("1.0", "1"), ("2.0", "0"), ("2.0", "1")}
    assert {row["symbol"] for row in rows} == {"gamma"}
    spread = [
        float(r["value"]) for r in rows if r["metric"] == "neg_spread_ratio_error"
    ]
    assert len(set(spread)) == 4
    assert "| gamma = 2.0 | 2 | " in capsys.readouterr().out
    ablations.main([])  # nothing is left to do
    assert read(results.parent / ablations.RESULTS) == rows
    with pytest.raises(SystemExit):
        ablations.main(["energy"])
    assert "sets must be among earthquakes, mimic" in capsys.readouterr().err
