"""Pictures that judge synthetic series, and generators beside each other."""

import io
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tsgen.metrics.statistics import autocorrelation, channel_correlation
from tsgen.plots import (
    plot_autocorrelation,
    plot_comparison,
    plot_correlations,
    plot_embedding,
    plot_marginals,
)

pytest.importorskip("matplotlib")

BY_CHANNEL = [plot_marginals, plot_autocorrelation]
OF_ANY_LENGTH = [*BY_CHANNEL, plot_correlations]
OF_SERIES = [*OF_ANY_LENGTH, plot_embedding]


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(60, 12, 3)).cumsum(axis=1)


@pytest.fixture
def Y():
    series = np.random.default_rng(1).normal(size=(40, 12, 3)).cumsum(axis=1)
    return 2 * series + [0, 1, 5]


@pytest.fixture
def comparison():
    """Three metrics of four generators, of which one is a dummy and one failed once."""
    rows = {
        "distance": (0.2, 0.3, np.nan, 9.0),
        "coverage": (0.9, 0.8, 0.7, 0.1),
        "spread_ratio": (0.95, 1.1, 1.0, 0.0),
    }
    generators = ["ours", "theirs", "old", "mean"]
    mean = {m: dict(zip(generators, v, strict=True)) for m, v in rows.items()}
    return SimpleNamespace(
        generators=generators,
        metrics=list(rows),
        dummies=("mean",),
        mean=mean,
        low={m: {g: v - 0.02 for g, v in row.items()} for m, row in mean.items()},
        high={m: {g: v + 0.03 for g, v in row.items()} for m, row in mean.items()},
        floor={
            "distance": (0.1, 0.05, 0.15),
            "coverage": (0.97, 0.95, 0.99),
            "spread_ratio": None,
        },
        best={"distance": "low", "coverage": "high", "spread_ratio": 1.0},
    )


def new_axes(*shape):
    from matplotlib.figure import Figure

    return Figure().subplots(*shape, squeeze=False)


def png(axes):
    target = io.BytesIO()
    np.asarray(axes, dtype=object).flat[0].figure.savefig(target, format="png")
    return target.getvalue()


def titles(axes):
    return [ax.get_title(loc="left") for ax in np.ravel(axes)]


def labelled(ax, start):
    """The line of one side, found by its name in the legend."""
    (line,) = [k for k in ax.get_lines() if k.get_label().startswith(start)]
    return line


def written(ax):
    return [text.get_text() for text in ax.texts]


def legend_texts(axes):
    first = np.ravel(axes)[0]
    legend = first.get_legend() or first.figure.legends[0]
    return [text.get_text() for text in legend.get_texts()]


# all of them


@pytest.mark.parametrize("plot", OF_SERIES)
def test_it_can_be_saved_and_leaves_its_input_alone(plot, X, Y):
    before = X.copy(), Y.copy()
    assert png(plot(X, Y)).startswith(b"\x89PNG")
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(Y, before[1])


@pytest.mark.parametrize("plot", OF_SERIES)
def test_two_dimensions_are_one_channel(plot, X, Y):
    assert png(plot(X[:, :, 0], Y[:, :, 0]))


@pytest.mark.parametrize("plot", [plot_marginals, plot_correlations, plot_embedding])
def test_a_single_step_can_be_drawn(plot, X, Y):
    assert png(plot(X[:, :1], Y[:, :1]))
    assert png(plot(X[:, :1, 0], Y[:, :1, 0]))


@pytest.mark.parametrize("plot", OF_SERIES)
@pytest.mark.parametrize("scale", [1e-300, 1e299])
def test_very_small_and_very_large_values_can_be_drawn(plot, scale, X, Y):
    X, Y = X / np.abs(X).max(), Y / np.abs(Y).max()
    assert png(plot(X * scale, Y * scale))


@pytest.mark.parametrize("plot", OF_SERIES)
def test_constant_channels_can_be_drawn(plot, X, Y):
    assert png(plot(X * [1, 0, 0], Y * [0, 1, 0]))
    assert png(plot(np.ones((3, 4, 2)), np.ones((2, 4, 2))))


@pytest.mark.parametrize("plot", OF_ANY_LENGTH)
def test_lengths_may_differ(plot, X, Y):
    assert png(plot(X, Y[:, :7]))
    assert png(plot([X[0], X[1, :5], X[2, :5]], list(Y)))


@pytest.mark.parametrize("plot", OF_SERIES)
@pytest.mark.parametrize("name", ["X_real", "X_synthetic"])
def test_a_missing_value_is_refused_by_the_name_of_its_side(plot, name, X, Y):
    sides = {"X_real": X, "X_synthetic": Y}
    sides[name][0, 0, 0] = np.nan
    with pytest.raises(ValueError, match=f"{name} "):
        plot(**sides)


@pytest.mark.parametrize("plot", OF_SERIES)
def test_other_channels_are_refused(plot, X, Y):
    with pytest.raises(ValueError, match="must have the same"):
        plot(X, Y[:, :, :2])


@pytest.mark.parametrize("plot", OF_SERIES)
def test_axes_must_be_axes(plot, X, Y):
    name = "ax" if plot is plot_embedding else "axes"
    with pytest.raises(TypeError, match=f"{name} must be matplotlib Axes"):
        plot(X, Y, **{name: np.array([1, 2, 3])})


@pytest.mark.parametrize("plot", OF_ANY_LENGTH)
def test_given_axes_are_drawn_on_and_returned(plot, X, Y):
    ours = new_axes(3, 1)
    axes = plot(X, Y, axes=ours)
    assert axes[2, 0] is ours[2, 0]
    assert all(ax.has_data() for ax in ours.flat)
    assert not ours[0, 0].figure.legends


@pytest.mark.parametrize("plot", OF_ANY_LENGTH)
def test_there_must_be_axes_for_each_panel(plot, X, Y):
    with pytest.raises(ValueError, match="one Axes for each of 3 panels"):
        plot(X, Y, axes=new_axes(1, 2))


def test_they_load_no_pyplot_and_change_no_setting():
    code = (
        "import sys, numpy as np, matplotlib; from tsgen import plots; "
        "before = matplotlib.rcParams.copy(); X = np.eye(4); "
        "names = ('embedding', 'marginals', 'autocorrelation', 'correlations'); "
        "[getattr(plots, f'plot_{name}')(X, X) for name in names]; "
        "changed = before != matplotlib.rcParams.copy(); "
        "print('matplotlib.pyplot' in sys.modules, changed)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]


# one panel a channel


@pytest.mark.parametrize("plot", BY_CHANNEL)
def test_channels_are_shown_under_their_names(plot, X, Y):
    assert titles(plot(X, Y)) == ["channel 0", "channel 1", "channel 2"]
    chosen = plot(X, Y, channels=[2, 0], channel_names=["a", "b", "c"])
    assert titles(chosen) == ["c", "a"]


@pytest.mark.parametrize("plot", BY_CHANNEL)
def test_the_legend_counts_series(plot, X, Y):
    assert legend_texts(plot(X, Y)) == ["real, 60 series", "synthetic, 40 series"]
    ours = new_axes(1, 3)
    assert legend_texts(plot(X, Y, axes=ours)) == legend_texts(plot(X, Y))


@pytest.mark.parametrize("plot", BY_CHANNEL)
def test_a_grid_of_four_columns_is_named_at_its_edges(plot):
    X = np.random.default_rng(0).normal(size=(5, 4, 6))
    axes = plot(X, X)
    assert len(axes[0].figure.axes) == 6
    assert [bool(ax.get_xlabel()) for ax in axes] == [0, 0, 1, 1, 1, 1]
    assert [bool(ax.get_ylabel()) for ax in axes] == [1, 0, 0, 0, 1, 0]


@pytest.mark.parametrize("plot", BY_CHANNEL)
def test_of_very_many_channels_the_first_thirty_are_shown(plot):
    X = np.random.default_rng(0).normal(size=(3, 2, 33))
    assert titles(plot(X, X))[-1] == "channel 29"


@pytest.mark.parametrize("plot", BY_CHANNEL)
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"channels": [3]}, ValueError, "from 0 to 2"),
        ({"channels": []}, ValueError, "one or more"),
        ({"channels": [0.5]}, TypeError, "channels must be an integer"),
        ({"channel_names": ["a"]}, ValueError, "name all 3 channels"),
    ],
)
def test_channels_that_are_not_there_are_refused(plot, options, error, message, X, Y):
    with pytest.raises(error, match=message):
        plot(X, Y, **options)


# marginals


def steps(ax):
    """Heights and edges of both sides."""
    return [patch.get_data() for patch in ax.patches]


def test_the_steps_are_densities_of_all_values(X, Y):
    ax = plot_marginals(X, Y)[1]
    for side, drawn in zip((X, Y), steps(ax), strict=True):
        values = side[:, :, 1].ravel()
        counts, _ = np.histogram(values, drawn.edges)
        wanted = counts / len(values) / np.diff(drawn.edges)
        np.testing.assert_allclose(drawn.values, wanted)


def test_both_sides_have_the_same_bins_and_fill_the_view(X, Y):
    for ax in plot_marginals(X, Y):
        real, synthetic = steps(ax)
        np.testing.assert_array_equal(real.edges, synthetic.edges)
        assert ax.get_xlim() == (real.edges[0], real.edges[-1])
        assert ax.get_ylim()[0] == 0
        assert ax.get_ylim()[1] > max(real.values.max(), synthetic.values.max())


def test_the_view_is_the_middle_of_the_real_values():
    X = np.random.default_rng(0).normal(size=(500, 20))
    X[0, 0], X[0, 1] = 1e6, -1e6
    low, high = np.quantile(X, [0.001, 0.999], method="nearest")
    for Y in (X, 50 * X):
        assert plot_marginals(X, Y)[0].get_xlim() == pytest.approx((low, high))


def test_what_is_out_of_view_is_named_with_its_side():
    X = np.linspace(0, 1, 1000).reshape(100, 10)
    Y = np.full((100, 10), 0.5)
    Y[:30, 0], Y[:5, 1] = -7, 7
    assert written(plot_marginals(X, Y)[0]) == ["‹ 3.0 %", "0.5 % ›"]
    Y = np.full((4000, 1), 0.5)
    Y[0] = 9
    assert written(plot_marginals(X, Y)[0]) == ["<0.1 % ›"]
    assert written(plot_marginals(X, np.full((3, 2), 0.5))[0]) == []
    assert written(plot_marginals(X, np.full((3, 2), 9.0))[0]) == ["100 % ›"]


@pytest.mark.parametrize(("n_values", "each"), [(3, 1), (30, 1), (100, 3), (237, 6)])
def test_whole_numbers_are_spread_evenly_over_bins(n_values, each):
    X = np.resize(np.arange(n_values), (300 * n_values, 1)).astype(float)
    (real, _) = steps(plot_marginals(X, X)[0])
    np.testing.assert_allclose(np.diff(real.edges), each)
    assert real.edges[0] % 1 == 0.5
    full = real.values[1:-1]  # the outer bins may hold fewer
    np.testing.assert_allclose(full, full[0])


def test_a_constant_channel_is_one_bar_in_the_middle():
    (real, synthetic) = steps(plot_marginals(np.full((5, 4), 3.0), np.ones((5, 4)))[0])
    assert np.flatnonzero(real.values).tolist() == [10]
    assert real.edges[10] < 3 < real.edges[11]
    assert not synthetic.values.any()


def test_rare_values_of_a_nearly_constant_channel_are_in_view():
    X = np.zeros((5000, 1))
    X[0] = 8.0
    low, high = plot_marginals(X, X)[0].get_xlim()
    assert low < 0
    assert high > 8


# autocorrelation


def test_the_curves_are_the_autocorrelations(X, Y):
    axes = plot_autocorrelation(X, Y, channels=[2, 0])
    for side, name in ((X, "real"), (Y, "synthetic")):
        wanted = autocorrelation(side, 11)
        for ax, channel in zip(axes, (2, 0), strict=True):
            line = labelled(ax, name)
            np.testing.assert_array_equal(line.get_xdata(), np.arange(12))
            np.testing.assert_allclose(line.get_ydata(), wanted[:, channel])


def test_the_curve_of_a_sine_is_a_cosine():
    phase = np.random.default_rng(0).uniform(0, 2 * np.pi, size=(5000, 1))
    X = np.sin(phase + np.arange(10) / 2)
    curve = labelled(plot_autocorrelation(X, X)[0], "real").get_ydata()
    np.testing.assert_allclose(curve, np.cos(np.arange(10) / 2), atol=0.05)


@pytest.mark.parametrize("max_lag", [1, 5, 11])
def test_max_lag_is_the_last_lag(max_lag, X, Y):
    for ax in plot_autocorrelation(X, Y, max_lag=max_lag):
        assert labelled(ax, "synthetic").get_xdata()[-1] == max_lag
        assert ax.get_xlim() == (0, max_lag)


def test_by_default_all_lags_of_both_sides_are_shown_up_to_a_hundred(X, Y):
    ax = plot_autocorrelation(X, Y[:, :7])[0]
    assert labelled(ax, "real").get_xdata()[-1] == 6
    long = np.random.default_rng(0).normal(size=(3, 150))
    assert labelled(plot_autocorrelation(long, long)[0], "real").get_xdata()[-1] == 100


def test_all_panels_have_the_same_limits_and_hold_all_curves(X, Y):
    Y = Y * [1, -1, 1] * (-1.0) ** np.arange(12)[:, None]  # alternating
    axes = plot_autocorrelation(X, Y)
    assert len({ax.get_ylim() for ax in axes}) == 1
    low, high = axes[0].get_ylim()
    drawn = np.concatenate([labelled(ax, "synthetic").get_ydata() for ax in axes])
    assert low < drawn.min() < -0.5
    assert high > 1


def test_a_constant_channel_has_no_curve_and_says_so(X, Y):
    axes = plot_autocorrelation(X * [0, 1, 0], Y * [1, 0, 0])
    assert [written(ax) for ax in axes] == [
        ["constant: real"],
        ["constant: synthetic"],
        ["constant: real, synthetic"],
    ]
    assert np.isnan(labelled(axes[0], "real").get_ydata()).all()
    assert np.isfinite(labelled(axes[0], "synthetic").get_ydata()).all()


def test_a_channel_that_varies_by_rounding_is_constant(X, Y):
    X[:, ::2, 1], X[:, 1::2, 1] = 0.3, 0.1 + 0.2
    assert written(plot_autocorrelation(X, Y)[1]) == ["constant: real"]
    blank = np.ma.getmaskarray(cells(plot_correlations(X, Y)[0]))
    assert blank[1].all()
    assert blank.sum() == 5


@pytest.mark.parametrize(
    ("max_lag", "error", "message"),
    [
        (12, ValueError, "max_lag must be at most .* 11, got 12"),
        (0, ValueError, "max_lag must be an integer of at least 1"),
        (2.0, TypeError, "max_lag must be an integer"),
    ],
)
def test_lags_that_are_not_there_are_refused(max_lag, error, message, X, Y):
    with pytest.raises(error, match=message):
        plot_autocorrelation(X, Y, max_lag=max_lag)


def test_series_of_one_step_have_no_autocorrelation(X, Y):
    with pytest.raises(ValueError, match="X_synthetic must have at least two time"):
        plot_autocorrelation(X, Y[:, :1])


# correlations


def cells(ax):
    return ax.collections[0].get_array()


def test_the_cells_are_correlations_and_their_difference(X, Y):
    Y[:, :, 1] += 3 * Y[:, :, 0]
    axes = plot_correlations(X, Y)
    real, synthetic = channel_correlation(X), channel_correlation(Y)
    for ax, wanted in zip(axes, (real, synthetic, synthetic - real), strict=True):
        np.testing.assert_allclose(cells(ax), wanted, atol=1e-12)
        assert ax.get_ylim() == (2.5, -0.5)  # the first channel on top
    assert titles(axes) == ["Real", "Synthetic", "Synthetic − real"]


def test_the_colours_are_those_of_plus_and_minus_one(X, Y):
    Y[:, :, 1] += 3 * Y[:, :, 0]
    axes = plot_correlations(X, Y)
    limits = [ax.collections[0].get_clim() for ax in axes]
    end = float(np.abs(cells(axes[2])).max())
    assert limits == [(-1, 1), (-1, 1), (-end, end)]
    assert end > 0.5


def test_small_differences_have_pale_colours(X):
    noise = np.random.default_rng(2).normal(size=X.shape)
    axes = plot_correlations(X, X + noise / 50)
    assert 0 < np.abs(cells(axes[2])).max() < 0.05
    assert axes[2].collections[0].get_clim() == (-0.1, 0.1)


def test_constant_channels_are_blank(X, Y):
    axes = plot_correlations(X * [1, 0, 1], Y * [1, 1, 0])
    blank = [np.ma.getmaskarray(cells(ax)) for ax in axes]
    assert blank[0][1].all()
    assert blank[0][:, 1].all()
    assert blank[0].sum() == blank[1].sum() == 5
    np.testing.assert_array_equal(blank[2], blank[0] | blank[1])


def test_few_channels_have_figures_in_their_cells(X):
    axes = plot_correlations(X[:, :, [0, 0, 1]], -X[:, :, [0, 0, 1]] * [1, -1, 1])
    assert written(axes[0])[:2] == ["1.00", "1.00"]
    assert written(axes[1])[:2] == ["1.00", "−1.00"]
    assert not any("−0.00" in written(ax) for ax in axes)
    wide = np.random.default_rng(0).normal(size=(9, 5, 7))
    assert not written(plot_correlations(wide, wide)[0])


def tick_names(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


@pytest.mark.parametrize(("n_channels", "every"), [(3, 1), (14, 1), (28, 2), (60, 5)])
def test_of_many_channels_some_are_named(n_channels, every):
    X = np.random.default_rng(0).normal(size=(9, 5, n_channels))
    names = [f"name {k}" for k in range(n_channels)]
    axes = plot_correlations(X, X, channel_names=names)
    assert tick_names(axes[0]) == names[::every]
    assert axes[2].get_xticks().tolist() == list(range(0, n_channels, every))


def test_without_names_channels_are_numbered(X, Y):
    assert tick_names(plot_correlations(X, Y)[0]) == ["0", "1", "2"]


def test_names_of_other_channels_are_refused(X, Y):
    with pytest.raises(ValueError, match="name all 3 channels"):
        plot_correlations(X, Y, channel_names=["a"])


# embedding


def clouds(ax):
    return [np.asarray(cloud.get_offsets()) for cloud in ax.collections]


def principal(X, Y, standardize=True):
    """Coordinates of both on the first two directions of X, up to signs."""
    if standardize:
        mean, std = X.mean((0, 1)), X.std((0, 1))
        X, Y = (X - mean) / std, (Y - mean) / std
    X, Y = X.reshape(len(X), -1), Y.reshape(len(Y), -1)
    centre = X.mean(axis=0)
    _, sizes, directions = np.linalg.svd(X - centre, full_matrices=False)
    plane = directions[:2].T
    return (X - centre) @ plane, (Y - centre) @ plane, sizes**2 / (sizes**2).sum()


@pytest.mark.parametrize("standardize", [True, False])
def test_the_dots_are_projections_on_components_of_the_real_series(standardize, X, Y):
    X, Y = X * [1, 10, 100], Y * [1, 10, 100]
    ax = plot_embedding(X, Y, standardize=standardize)
    real, synthetic, shares = principal(X, Y, standardize)
    for drawn, wanted in zip(clouds(ax), (real, synthetic), strict=True):
        np.testing.assert_allclose(np.abs(drawn), np.abs(wanted), atol=1e-6)
    percent = f"{shares[0]:.0%}".replace("%", " %")
    assert ax.get_xlabel() == f"component 1, {percent} of the real variance"
    assert ax.get_ylabel().startswith(f"component 2, {shares[1]:.0%}".rstrip("%"))


def test_real_dots_stay_where_they_are_for_another_generator(X, Y):
    first, other = plot_embedding(X, Y), plot_embedding(X, Y[:9] ** 3)
    np.testing.assert_array_equal(clouds(first)[0], clouds(other)[0])


def test_at_most_so_many_series_are_drawn_the_same_every_time(X, Y):
    first, again = (plot_embedding(X, Y, max_samples=15) for _ in range(2))
    assert [len(cloud) for cloud in clouds(first)] == [15, 15]
    np.testing.assert_array_equal(clouds(first)[1], clouds(again)[1])
    other = plot_embedding(X, Y, max_samples=15, random_state=1)
    assert not np.array_equal(clouds(first)[1], clouds(other)[1])
    everything = plot_embedding(X, Y, max_samples=None)
    assert [len(cloud) for cloud in clouds(everything)] == [60, 40]


def test_the_legend_says_how_many_series_of_how_many(X, Y):
    ax = plot_embedding(X, Y, max_samples=50)
    assert legend_texts(ax) == ["real, 50 of 60 series", "synthetic, 40 series"]
    handles = ax.figure.legends[0].legend_handles
    assert [handle.get_alpha() for handle in handles] == [1, 1]


def test_a_given_ax_is_drawn_on(X, Y):
    ours = new_axes(1, 1)[0, 0]
    assert plot_embedding(X, Y, ax=ours) is ours
    assert len(legend_texts(ours)) == 2


def test_tsne_separates_what_is_apart():
    X = np.random.default_rng(0).normal(size=(30, 5, 2))
    ax = plot_embedding(X, X[:20] + 50, method="tsne", standardize=False)
    real, synthetic = clouds(ax)
    assert (len(real), len(synthetic)) == (30, 20)
    gap = np.linalg.norm(real.mean(axis=0) - synthetic.mean(axis=0))
    assert gap > max(real.std(), synthetic.std())
    nearest = np.linalg.norm(real[:, None] - synthetic, axis=2).min()
    assert nearest > np.linalg.norm(real[0] - real, axis=1).min()
    assert ax.get_title(loc="left").startswith("t-SNE")
    assert len(ax.get_xticks()) == 0


def test_tsne_is_the_same_every_time(X, Y):
    first, again = (plot_embedding(X[:9], Y[:9], method="tsne") for _ in range(2))
    np.testing.assert_array_equal(clouds(first)[0], clouds(again)[0])


@pytest.mark.parametrize("shape", [(2, 1, 1), (2, 3, 2), (50, 1, 1)])
def test_tsne_of_few_or_short_series_can_be_drawn(shape):
    X = np.random.default_rng(0).normal(size=shape)
    assert png(plot_embedding(X, X, method="tsne"))
    assert png(plot_embedding(0 * X, 0 * X, method="tsne"))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "umap"}, ValueError, "method must be"),
        ({"max_samples": 1}, ValueError, "max_samples"),
        ({"max_samples": 2.0}, TypeError, "max_samples must be an integer"),
    ],
)
def test_an_embedding_that_there_is_not_is_refused(options, error, message, X, Y):
    with pytest.raises(error, match=message):
        plot_embedding(X, Y, **options)


def test_series_of_other_steps_have_no_common_plane(X, Y):
    with pytest.raises(ValueError, match="same time steps"):
        plot_embedding(X, Y[:, :5])


# comparison


def dots(ax):
    """Marker, place and colour in each row."""
    found = {}
    for line in ax.get_lines():
        if line.get_marker() in ("o", "<", ">"):
            (row,) = np.ravel(line.get_ydata())
            (place,) = np.ravel(line.get_xdata())
            found[int(row)] = (line.get_marker(), float(place), line.get_color())
    return found


def intervals(ax):
    from matplotlib.collections import LineCollection

    drawn = [c for c in ax.collections if isinstance(c, LineCollection)]
    segments = [c.get_segments()[0] for c in drawn]
    return {int(s[0, 1]): tuple(s[:, 0]) for s in segments}


def dashed(ax, style="--"):
    return [k.get_xdata()[0] for k in ax.get_lines() if k.get_linestyle() == style]


def test_each_row_has_its_mean_and_interval(comparison):
    ax = plot_comparison(comparison)[1]
    for row, name in enumerate(comparison.generators):
        assert dots(ax)[row][1] == comparison.mean["coverage"][name]
        low, high = (p["coverage"][name] for p in (comparison.low, comparison.high))
        assert intervals(ax)[row] == pytest.approx((low, high))
    assert written(ax)[:4] == ["0.900", "0.800", "0.700", "0.100"]


def test_rows_are_in_the_order_given_the_first_on_top(comparison):
    axes = plot_comparison(comparison)
    assert [text.get_text() for text in axes[0].get_yticklabels()] == [
        *comparison.generators
    ]
    assert axes[0].get_ylim() == (3.6, -0.6)


def test_dummies_are_grey(comparison):
    from tsgen.plots._style import BLUE, GREY

    ax = plot_comparison(comparison, metrics=["coverage"])[0]
    assert [dots(ax)[row][2] for row in range(4)] == [BLUE, BLUE, BLUE, GREY]
    assert ax.get_yticklabels()[3].get_color() == GREY


def test_a_generator_that_failed_has_a_word_and_no_dot(comparison):
    ax = plot_comparison(comparison)[0]
    assert sorted(dots(ax)) == [0, 1, 3]
    assert written(ax)[2] == "failed"


def test_the_floor_is_a_dashed_line_with_a_band(comparison):
    axes = plot_comparison(comparison)
    assert [dashed(ax) for ax in axes] == [[0.1], [0.97], []]
    (band,) = axes[0].patches
    assert band.get_extents().transformed(axes[0].transData.inverted()).intervalx == (
        pytest.approx((0.05, 0.15))
    )
    assert not axes[2].patches


def test_each_panel_says_which_way_is_better(comparison):
    axes = plot_comparison(comparison)
    assert titles(axes) == ["distance", "coverage", "spread ratio"]
    assert [written(ax)[-1] for ax in axes] == [
        "← lower is better",
        "higher is better →",
        "1 is right",
    ]
    assert dashed(axes[2], ":") == [1.0]


def test_a_dummy_far_off_is_a_triangle_at_the_edge(comparison):
    ax = plot_comparison(comparison)[0]
    low, high = ax.get_xlim()
    assert low < 0.05
    assert 0.33 < high < 1
    assert dots(ax)[3][:2] == (">", high)
    assert written(ax)[3] == "9.00"
    comparison.mean["distance"]["mean"] = -9.0
    comparison.low["distance"]["mean"] = comparison.high["distance"]["mean"] = np.nan
    ax = plot_comparison(comparison)[0]
    assert dots(ax)[3][:2] == ("<", ax.get_xlim()[0])
    assert written(ax)[3] == "−9.00"


def test_a_dummy_nearby_is_in_view(comparison):
    for part in (comparison.mean, comparison.low, comparison.high):
        part["distance"]["mean"] = 0.5
    ax = plot_comparison(comparison)[0]
    assert dots(ax)[3][0] == "o"
    assert ax.get_xlim()[1] > 0.5


def test_dummies_alone_are_all_in_view(comparison):
    comparison.dummies = set(comparison.generators)
    ax = plot_comparison(comparison)[0]
    assert {marker for marker, *_ in dots(ax).values()} == {"o"}


def test_nothing_but_failures_can_be_drawn(comparison):
    for part in (comparison.mean, comparison.low, comparison.high):
        part["distance"] = dict.fromkeys(comparison.generators, np.nan)
    comparison.floor["distance"] = None
    axes = plot_comparison(comparison)
    assert written(axes[0])[:4] == ["failed"] * 4
    assert png(axes)


def test_chosen_metrics_are_shown_in_their_order(comparison):
    axes = plot_comparison(comparison, metrics=["spread_ratio", "distance"])
    assert titles(axes) == ["spread ratio", "distance"]


def test_rows_are_named_once_in_every_line_of_panels(comparison):
    for part in ("mean", "low", "high", "floor", "best"):
        getattr(comparison, part)["fourth"] = getattr(comparison, part)["distance"]
    comparison.metrics.append("fourth")
    axes = plot_comparison(comparison)
    named = [ax.yaxis.get_tick_params()["labelleft"] for ax in axes]
    assert named == [True, False, False, True]
    assert len(axes[0].figure.axes) == 4
    assert png(axes)


def test_a_comparison_is_drawn_on_given_axes(comparison):
    ours = new_axes(3, 1)
    axes = plot_comparison(comparison, axes=ours)
    assert axes[2, 0] is ours[2, 0]
    assert ours[2, 0].get_yticklabels()[0].get_text() == "ours"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"metrics": ["speed"]}, ValueError, "one or more of distance, .* got speed"),
        ({"metrics": []}, ValueError, "got none"),
        ({"metrics": "distance"}, TypeError, r'Write \["distance"\]'),
        ({"axes": [None]}, ValueError, "one Axes for each of 3 panels"),
    ],
)
def test_what_is_not_in_a_comparison_is_refused(options, error, message, comparison):
    with pytest.raises(error, match=message):
        plot_comparison(comparison, **options)


def test_something_else_than_a_comparison_is_refused(comparison):
    del comparison.floor
    with pytest.raises(TypeError, match="SimpleNamespace without floor"):
        plot_comparison(comparison)
