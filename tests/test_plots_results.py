"""Pictures of results: dependencies, training curves, posterior reports."""

import io
import subprocess
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from tsgen.inspection import Dependency
from tsgen.plots import (
    plot_dependencies,
    plot_dependency,
    plot_dependency_table,
    plot_history,
    plot_posterior_report,
)

pytest.importorskip("matplotlib")


def make_dependency(n_series=8, n_timesteps=6, max_order=None, seed=0):
    """Random shares that sum to 1 over everything a step has seen."""
    rng = np.random.default_rng(seed)
    max_order = n_timesteps - 1 if max_order is None else max_order
    global_ = np.ones((n_series, n_timesteps))
    locals_ = np.full((n_series, n_timesteps, max_order), np.nan)
    for t in range(1, n_timesteps):
        shares = rng.dirichlet(np.ones(t + 1), size=n_series)
        global_[:, t] = shares[:, 0]
        locals_[:, t, : min(t, max_order)] = shares[:, 1:][:, :max_order]
    return Dependency(global_, locals_, np.zeros(global_.shape))


def make_undefined():
    return Dependency(*[np.full(s, np.nan) for s in ((2, 3), (2, 3, 2), (2, 3))])


@pytest.fixture
def dependency():
    return make_dependency()


@pytest.fixture
def series_of(dependency):
    n_series, n_timesteps = dependency.global_.shape
    return np.random.default_rng(1).normal(size=(n_series, n_timesteps, 2)) * 50


@pytest.fixture
def history():
    return {
        "denoising": [0.9, 0.6, 0.5],
        "loss": [2.0, 1.5, 1.2],
        "validation_loss": [2.1, 1.7, 1.6],
        "prior_denoising": [0.5, 0.4],
        "prior_loss": [0.5, 0.4],
        "dependency_epoch": [1.0, 3.0],
        "global_dependency_2": [0.1, 0.6],
        "global_dependency_6": [0.0, 0.3],
    }


@pytest.fixture
def report(dependency):
    return SimpleNamespace(
        dependency=dependency,
        shuffled=make_dependency(seed=5),
        kl=np.array([0.1, 2.0, 0.7]),
        log_likelihood={"own": -0.8, "permuted": -1.3, "noise": -1.4},
    )


def bars(ax, position=0):
    """Bars of one order, without the error bars."""
    from matplotlib.container import BarContainer

    return [c for c in ax.containers if isinstance(c, BarContainer)][position]


def heights(ax, position=0):
    return [bar.get_height() for bar in bars(ax, position)]


def error_ends(ax, position=0):
    """Lower and upper ends of the error bars of one order: (n_drawn, 2)."""
    (drawn,) = bars(ax, position).errorbar.lines[2]
    return np.array([ends[:, 1] for ends in drawn.get_segments() if len(ends)])


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


def lines(ax):
    """Lines that a legend names."""
    named = {line.get_label(): line for line in ax.get_lines()}
    return {name: line for name, line in named.items() if not name.startswith("_")}


def new_axes(*shape):
    from matplotlib.figure import Figure

    return Figure().subplots(*shape, squeeze=False)


def png(axes):
    target = io.BytesIO()
    np.asarray(axes, dtype=object).flat[0].figure.savefig(target, format="png")
    return target.getvalue()


# dependency, closed form


@pytest.mark.parametrize("series", [0, 7])
def test_the_bars_of_one_series_are_its_shares(dependency, series):
    ax = plot_dependency(dependency, series=series)
    np.testing.assert_array_equal(heights(ax), dependency.global_[series])
    np.testing.assert_array_equal(heights(ax, 1), dependency.local(1)[series])


def test_one_series_has_no_error_bars(dependency):
    assert bars(plot_dependency(dependency, series=0)).errorbar is None


def test_the_bars_of_all_series_are_means(dependency):
    ax = plot_dependency(dependency)
    np.testing.assert_allclose(heights(ax), dependency.global_.mean(axis=0))
    np.testing.assert_allclose(heights(ax, 1), dependency.mean(order=1))


@pytest.mark.parametrize("order", [0, 1])
def test_the_error_bars_are_one_deviation_each_way(dependency, order):
    ends = error_ends(plot_dependency(dependency), order)
    mean, std = dependency.mean(order)[order:], dependency.std(order)[order:]
    np.testing.assert_allclose(ends, np.stack([mean - std, mean + std], axis=1))


def test_bars_stand_beside_each_other_around_their_step(dependency):
    ax = plot_dependency(dependency)
    first, second = bars(ax, 0), bars(ax, 1)
    for step, (left, right) in enumerate(zip(first, second, strict=True), start=1):
        assert left.get_x() + left.get_width() == pytest.approx(step)
        assert right.get_x() == pytest.approx(step)


def test_the_curve_is_the_chosen_channel_of_the_series(dependency, series_of):
    ax = plot_dependency(dependency, series=2, X=series_of, channel=1)
    twin = ax.figure.axes[1]
    (line,) = twin.get_lines()
    np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 7))
    np.testing.assert_array_equal(line.get_ydata(), series_of[2, :, 1])
    assert twin.get_ylabel() == "series 2, channel 1"


def test_the_curve_of_two_axes_is_the_series(dependency, series_of):
    ax = plot_dependency(dependency, series=2, X=series_of[:, :, 0])
    (line,) = ax.figure.axes[1].get_lines()
    np.testing.assert_array_equal(line.get_ydata(), series_of[2, :, 0])


def test_the_curve_ends_where_the_series_does(dependency, series_of):
    dependency.global_[3, 4:] = np.nan
    dependency.local(1)[3, 4:] = np.nan
    ax = plot_dependency(dependency, series=3, X=series_of)
    (line,) = ax.figure.axes[1].get_lines()
    np.testing.assert_array_equal(np.isnan(line.get_ydata()), [0, 0, 0, 0, 1, 1])


# dependency, property of a family


def test_one_series_names_itself_and_its_bars(dependency):
    ax = plot_dependency(dependency, series=3)
    assert ax.get_title(loc="left") == "series 3"
    assert texts(ax.get_legend()) == ["global (latent)", "first order (step before)"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "share")


def test_an_average_says_of_what_it_is_one(dependency):
    ax = plot_dependency(dependency)
    assert ax.get_title(loc="left") == "mean of 8 series"
    assert ax.get_ylabel() == "share, mean ± sd"


def test_the_label_is_the_title(dependency):
    assert plot_dependency(dependency, label="baseline").get_title("left") == "baseline"


def test_without_local_orders_only_global_bars_are_drawn():
    ax = plot_dependency(make_dependency(max_order=0))
    assert len(ax.containers) == 2  # bars and their error bars
    assert texts(ax.get_legend()) == ["global (latent)"]


def test_undefined_shares_are_left_blank(dependency):
    dependency.global_[:, 3] = np.nan
    drawn = heights(plot_dependency(dependency))
    np.testing.assert_array_equal(np.isnan(drawn), [0, 0, 0, 1, 0, 0])


def test_nothing_defined_can_be_drawn():
    nothing = make_undefined()
    assert png(plot_dependency(nothing))
    assert png(plot_dependency(nothing, series=1, X=np.ones((2, 3))))
    assert png(plot_dependencies({"nothing": nothing}))
    assert png(plot_dependency_table(nothing))


def test_usual_shares_are_all_in_view(dependency):
    ax = plot_dependency(dependency)
    low, high = ax.get_ylim()
    assert low <= 0
    assert high > 1
    assert not lines(ax)


def test_very_large_shares_are_cut_and_marked(dependency):
    dependency.global_[0, 2], dependency.local(1)[0, 2] = 40.0, -39.0
    ax = plot_dependency(dependency, series=0)
    assert ax.get_ylim() == (-0.5, 1.5)
    assert heights(ax)[2] == 40.0
    above, below = (line for line in ax.get_lines() if line.get_marker() in "^v")
    assert (above.get_xdata().round(), above.get_ydata()) == (3, 1.5)
    assert (below.get_xdata().round(), below.get_ydata()) == (3, -0.5)
    assert texts(ax.get_legend())[2:] == ["beyond the view"]


def test_very_large_shares_leave_the_zero_line_in_view(dependency):
    dependency.global_[:] = 40.0
    assert plot_dependency(dependency, series=0).get_ylim()[0] <= 0


@pytest.mark.parametrize("n_timesteps", [2, 79, 80, 500])
def test_short_and_long_series_can_be_drawn(n_timesteps):
    dependency = make_dependency(3, n_timesteps, max_order=1)
    X = np.ones((3, n_timesteps))
    ax = plot_dependency(dependency, series=0, X=X)
    assert len(bars(ax)) == n_timesteps
    assert all(bar.get_linewidth() == 0 for bar in bars(ax))
    assert min(ax.get_xticks()) >= 0
    assert png(ax)
    assert png(plot_dependency(dependency))


def test_the_smaller_of_two_thin_bars_is_in_front():
    ax = plot_dependency(make_dependency(3, 100, max_order=1))
    for left, right in zip(bars(ax, 0), bars(ax, 1), strict=True):
        assert left.get_x() == right.get_x()
        if np.isfinite(right.get_height()):
            behind, front = sorted((left, right), key=lambda bar: bar.get_zorder())
            assert behind.get_height() >= front.get_height()


def test_given_axes_are_drawn_on(dependency):
    ours = new_axes(1, 1)[0, 0]
    assert plot_dependency(dependency, ax=ours) is ours
    assert ours.has_data()


def test_the_method_draws_the_same_picture(dependency):
    drawn = dependency.plot(series=1, label="ours")
    assert drawn.get_title(loc="left") == "ours"
    np.testing.assert_array_equal(heights(drawn), dependency.global_[1])


# dependencies


@pytest.mark.parametrize(
    ("n_panels", "shape"), [(1, (1, 1)), (2, (1, 2)), (3, (3, 1)), (4, (2, 2))]
)
def test_panels_fill_a_grid_of_at_most_two_columns(dependency, n_panels, shape):
    axes = plot_dependencies({f"panel {n}": dependency for n in range(n_panels)})
    assert axes.shape == shape
    titles = [ax.get_title(loc="left") for ax in axes.flat]
    assert titles == [f"panel {n}" for n in range(n_panels)]


def test_each_panel_shows_its_own_averages(dependency):
    other = make_dependency(seed=9)
    axes = plot_dependencies({"ordered": dependency, "shuffled": other})
    np.testing.assert_allclose(heights(axes[0, 0]), dependency.mean())
    np.testing.assert_allclose(heights(axes[0, 1], 1), other.mean(order=1))
    assert len(error_ends(axes[0, 1])) == 6


def test_all_panels_have_the_limits_of_the_widest(dependency):
    wide = make_dependency(seed=9)
    wide.global_[0, 3] = -3.0
    axes = plot_dependencies({"ordered": dependency, "shuffled": wide})
    assert axes[0, 0].get_ylim() == axes[0, 1].get_ylim()
    assert axes[0, 0].get_ylim()[0] < plot_dependency(dependency).get_ylim()[0]


def test_one_legend_serves_all_panels(dependency):
    wide = make_dependency(seed=9)
    wide.global_[0, 3] = -30.0
    axes = plot_dependencies({"ordered": dependency, "shuffled": wide})
    (legend,) = axes[0, 0].figure.legends
    assert len(texts(legend)) == 3
    assert [ax.get_legend() for ax in axes.flat] == [None, None]


def test_given_axes_have_their_legend_in_the_first_one(dependency):
    ours = new_axes(1, 3)
    axes = plot_dependencies(dict.fromkeys("abc", dependency), axes=ours)
    assert axes[0, 2] is ours[0, 2]
    legends = [ax.get_legend() is not None for ax in axes.flat]
    assert legends == [True, False, False]
    assert not ours[0, 0].figure.legends


# table


def drawn_table(ax):
    return ax.collections[0].get_array()


def test_the_table_of_one_series_is_its_shares(dependency):
    drawn = drawn_table(plot_dependency_table(dependency, series=2))
    np.testing.assert_array_equal(drawn.filled(np.nan), dependency.m[2])


def test_the_table_of_all_series_is_their_mean(dependency):
    drawn = drawn_table(plot_dependency_table(dependency))
    np.testing.assert_allclose(drawn.filled(np.nan), dependency.m.mean(axis=0))


def test_the_table_is_blank_above_its_diagonal(dependency):
    blank = np.ma.getmaskarray(drawn_table(plot_dependency_table(dependency)))
    np.testing.assert_array_equal(blank, np.triu(np.ones((6, 6), dtype=bool), 1))


def test_the_columns_are_the_latent_and_the_steps_before(dependency):
    ax = plot_dependency_table(dependency)
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert names == ["z", "1", "2", "3", "4", "5"]
    np.testing.assert_array_equal(ax.get_xticks(), np.arange(6))
    np.testing.assert_array_equal(ax.get_yticks(), np.arange(1, 7))
    assert ax.get_ylim() == (6.5, 0.5)  # the first step on top


def test_zero_is_in_the_middle_of_the_colours(dependency):
    mesh = plot_dependency_table(dependency).collections[0]
    assert mesh.get_clim() == (-1.0, 1.0)
    assert mesh.colorbar.extend == "neither"


def test_the_colours_end_where_the_bars_do(dependency):
    dependency.global_[0, 3] = -30.0
    mesh = plot_dependency_table(dependency, series=0).collections[0]
    assert mesh.get_clim() == (-1.5, 1.5)
    assert mesh.colorbar.extend == "both"


@pytest.mark.parametrize("n_timesteps", [2, 13, 150])
def test_tables_of_few_and_many_steps_can_be_drawn(n_timesteps):
    ax = plot_dependency_table(make_dependency(2, n_timesteps))
    assert len(ax.get_xticks()) <= 13
    assert png(ax)


def test_a_given_ax_gets_the_table(dependency):
    ours = new_axes(1, 1)[0, 0]
    assert plot_dependency_table(dependency, ax=ours) is ours


def test_the_table_needs_all_orders():
    with pytest.raises(ValueError, match="all orders"):
        plot_dependency_table(make_dependency(max_order=1))


# history


def test_each_stage_and_the_dependency_have_a_panel(history):
    axes = plot_history(history)
    titles = [ax.get_title(loc="left") for ax in axes]
    assert titles == ["First stage", "Second stage", "Global dependency"]
    assert [list(lines(ax)) for ax in axes] == [
        ["denoising", "loss", "validation loss"],
        ["denoising", "loss"],
        ["step 2", "step 6"],
    ]


def test_a_curve_is_its_column_against_epochs(history):
    line = lines(plot_history(history)[1])["loss"]
    np.testing.assert_array_equal(line.get_xdata(), [1, 2])
    np.testing.assert_array_equal(line.get_ydata(), [0.5, 0.4])


def test_dependencies_are_drawn_where_they_were_measured(history):
    line = lines(plot_history(history)[2])["step 2"]
    np.testing.assert_array_equal(line.get_xdata(), [1, 3])
    np.testing.assert_array_equal(line.get_ydata(), [0.1, 0.6])


def test_what_there_is_nothing_of_has_no_panel(history):
    (ax,) = plot_history({"loss": history["loss"]})
    assert ax.get_title(loc="left") == "First stage"


def test_chosen_terms_are_shown_alone(history):
    axes = plot_history(history, terms=["prior_loss", "global_dependency_6"])
    assert [list(lines(ax)) for ax in axes] == [["loss"], ["step 6"]]


def test_every_line_is_in_the_legend(history):
    for ax in plot_history(history):
        assert texts(ax.get_legend()) == list(lines(ax))


def test_lines_of_a_panel_look_different():
    (ax,) = plot_history({f"term_{n}": [1.0, 2.0] for n in range(6)})
    assert len({line.get_color() for line in ax.get_lines()}) == 6


def test_more_terms_than_colours_can_be_drawn():
    (ax,) = plot_history({f"term_{n}": [1.0, 2.0] for n in range(15)})
    assert len(ax.get_lines()) == 15


def test_one_epoch_is_a_dot(history):
    (ax,) = plot_history({"loss": [2.0]})
    assert lines(ax)["loss"].get_marker() == "o"
    assert png(ax)


def test_columns_without_epochs_are_left_out(history):
    (ax,) = plot_history({"loss": [2.0], "prior_loss": [], "dependency_epoch": []})
    assert list(lines(ax)) == ["loss"]


def test_values_that_are_not_finite_leave_a_gap():
    assert png(plot_history({"loss": [2.0, np.nan, np.inf, 1.0]}))
    assert png(plot_history({"loss": [np.nan, np.nan]}))


def test_given_axes_get_the_curves(history):
    ours = new_axes(1, 3)
    assert plot_history(history, axes=ours)[0, 1] is ours[0, 1]
    assert "loss" in lines(ours[0, 1])


# posterior report


def test_the_report_shows_medians_and_quartiles(report):
    drawn = lines(plot_posterior_report(report)[0])
    assert list(drawn) == [
        "global, series in order",
        "first order, series in order",
        "global, shuffled",
        "first order, shuffled",
    ]
    for side, measured in (
        ("series in order", report.dependency),
        ("shuffled", report.shuffled),
    ):
        for order, name in enumerate(("global", "first order")):
            values = drawn[f"{name}, {side}"].get_ydata()
            np.testing.assert_allclose(values, measured.median(order))


def test_the_shaded_bands_are_quartiles(report):
    band = plot_posterior_report(report)[0].collections[0]
    vertices = band.get_paths()[0].vertices
    low, high = np.quantile(report.dependency.global_, [0.25, 0.75], axis=0)
    for step in range(1, 7):
        drawn = vertices[vertices[:, 0] == step, 1]
        assert drawn.min() == pytest.approx(low[step - 1])
        assert drawn.max() == pytest.approx(high[step - 1])


def test_the_report_without_local_orders_shows_global_ones(report):
    report.dependency = report.shuffled = make_dependency(max_order=0)
    assert len(lines(plot_posterior_report(report)[0])) == 2


def test_the_divergences_are_sorted(report):
    ax = plot_posterior_report(report)[1]
    assert heights(ax) == [2.0, 0.7, 0.1]
    assert ax.get_title(loc="left") == "KL to the prior, sum 2.8"


def test_a_divergence_of_nothing_looks_like_nothing(report):
    report.kl = np.full(3, 1e-6)
    assert plot_posterior_report(report)[1].get_ylim() == (0, 0.1)


def test_the_likelihoods_are_points_with_their_values(report):
    ax = plot_posterior_report(report)[2]
    points = ax.get_lines()[-1]
    np.testing.assert_array_equal(points.get_xdata(), [-0.8, -1.3, -1.4])
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == ["own\n−0.800", "permuted\n−1.300", "noise\n−1.400"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first on top


def test_equal_likelihoods_look_equal(report):
    report.log_likelihood = {"own": -0.8, "permuted": -0.8001, "noise": -0.7999}
    low, high = plot_posterior_report(report)[2].get_xlim()
    assert high - low > 0.1


def test_a_report_of_undefined_values_can_be_drawn(report):
    report.dependency = make_undefined()
    report.kl = np.full(3, np.nan)
    report.log_likelihood = {"own": np.nan, "noise": -np.inf}
    assert png(plot_posterior_report(report))


def test_a_report_of_long_series_can_be_drawn(report):
    report.dependency = report.shuffled = make_dependency(4, 300, max_order=1)
    report.kl = np.ones(256)
    assert png(plot_posterior_report(report))


def test_given_axes_get_the_report(report):
    ours = new_axes(3, 1)
    assert plot_posterior_report(report, axes=ours)[2, 0] is ours[2, 0]


# refusals


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"series": 8}, ValueError, "series must be a position from 0 to 7, got 8"),
        ({"series": -1}, ValueError, "series must be an integer of at least 0"),
        ({"series": 0.5}, TypeError, "series must be an integer"),
        ({"X": np.ones((8, 6))}, ValueError, "one series only, got series=None"),
        ({"series": 0, "X": np.ones((7, 6))}, ValueError, r"got shape \(7, 6, 1\)"),
        ({"series": 0, "X": np.ones((8, 5))}, ValueError, "8 of 6 steps"),
        (
            {"series": 0, "X": np.ones((8, 6)), "channel": 1},
            ValueError,
            "channel must be a position from 0 to 0, got 1",
        ),
        (
            {"series": 0, "X": np.ones((8, 6)), "channel": None},
            TypeError,
            "channel must be an integer",
        ),
        ({"ax": np.array([1])}, TypeError, "ax must be matplotlib Axes, got ndarray"),
    ],
)
def test_a_picture_that_cannot_be_is_refused(options, error, message, dependency):
    with pytest.raises(error, match=message):
        plot_dependency(dependency, **options)


@pytest.mark.parametrize("plot", [plot_dependency, plot_dependency_table])
def test_anything_but_a_dependency_is_refused(plot):
    with pytest.raises(TypeError, match="dependency must be a Dependency, got ndarray"):
        plot(np.ones((2, 3)))


def test_the_table_of_a_series_that_is_not_there_is_refused(dependency):
    with pytest.raises(ValueError, match="series must be a position from 0 to 7"):
        plot_dependency_table(dependency, series=8)


def test_dependencies_without_names_are_refused(dependency):
    with pytest.raises(TypeError, match="dependencies must be a dict"):
        plot_dependencies([dependency])
    with pytest.raises(ValueError, match="at least one Dependency"):
        plot_dependencies({})
    with pytest.raises(TypeError, match=r"dependencies\['a'\] must be a Dependency"):
        plot_dependencies({"a": 1})


def test_a_history_that_cannot_be_drawn_is_refused(history):
    with pytest.raises(TypeError, match="history must be a dict"):
        plot_history([1.0, 2.0])
    with pytest.raises(ValueError, match="history must have at least one epoch"):
        plot_history({})
    with pytest.raises(ValueError, match="terms must name at least one"):
        plot_history(history, terms=[])
    with pytest.raises(ValueError, match="terms must be columns of the history"):
        plot_history(history, terms=["kl"])
    with pytest.raises(TypeError, match="terms must be a sequence"):
        plot_history(history, terms="loss")
    del history["dependency_epoch"]
    with pytest.raises(ValueError, match="for each of 0 values"):
        plot_history(history)


def test_a_report_that_lacks_a_part_is_refused(report):
    del report.kl
    with pytest.raises(TypeError, match="SimpleNamespace without kl"):
        plot_posterior_report(report)


def test_a_report_of_something_else_is_refused(report):
    report.shuffled = None
    with pytest.raises(TypeError, match=r"report.shuffled must be a Dependency"):
        plot_posterior_report(report)


@pytest.fixture(
    params=["dependencies", "history", "report"],
)
def plot_on(request, dependency, history, report):
    """Return a function of `axes` that draws three panels."""
    return {
        "dependencies": lambda axes: plot_dependencies(
            dict.fromkeys("abc", dependency), axes=axes
        ),
        "history": lambda axes: plot_history(history, axes=axes),
        "report": lambda axes: plot_posterior_report(report, axes=axes),
    }[request.param]


def test_another_number_of_axes_is_refused(plot_on):
    with pytest.raises(ValueError, match=r"each of 3 panels, got 2\. Make them with"):
        plot_on(new_axes(1, 2))


def test_axes_that_are_none_are_refused(plot_on):
    with pytest.raises(TypeError, match="axes must be matplotlib Axes, got str"):
        plot_on(["a", "b", "c"])


# the world around


@pytest.fixture
def every_picture(dependency, series_of, history, report):
    return [
        lambda: plot_dependency(dependency, series=0, X=series_of),
        lambda: plot_dependencies({"a": dependency, "b": dependency}),
        lambda: plot_dependency_table(dependency),
        lambda: plot_history(history),
        lambda: plot_posterior_report(report),
    ]


def test_without_matplotlib_the_message_names_the_extra(every_picture, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for plot in every_picture:
        with pytest.raises(ImportError, match=r'pip install "tsgen-latent\[plot\]"'):
            plot()


def test_no_setting_and_no_result_is_changed(every_picture, dependency, history):
    import matplotlib

    settings, filters = dict(matplotlib.rcParams), list(warnings.filters)
    shares, columns = dependency.m.copy(), {k: list(v) for k, v in history.items()}
    for plot in every_picture:
        assert png(plot()).startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == settings
    assert list(warnings.filters) == filters
    np.testing.assert_array_equal(dependency.m, shares)
    assert history == columns


def test_pictures_of_results_do_not_load_pyplot():
    code = (
        "import sys, numpy as np; from tsgen import plots; "
        "from tsgen.inspection import Dependency; "
        "d = Dependency(np.eye(2), np.ones((2, 2, 1)), np.zeros((2, 2))); "
        "plots.plot_dependency(d, series=0, X=np.eye(2)); plots.plot_dependencies("
        "{'a': d}); plots.plot_dependency_table(d); plots.plot_history({'a': [1]}); "
        "print('matplotlib.pyplot' in sys.modules, 'torch' in sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
