import io
import subprocess
import sys

import numpy as np
import pytest

from tsgen.plots import plot_series

pytest.importorskip("matplotlib")


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(50, 12, 6)).cumsum(axis=1)


@pytest.fixture
def Y():
    return np.random.default_rng(1).normal(size=(30, 12, 6)).cumsum(axis=1) * 3


def lines(ax, label):
    return [line for line in ax.get_lines() if line.get_label() == label]


def thin_lines(ax):
    return [line.get_ydata() for line in ax.get_lines() if line.get_linewidth() < 1]


# closed form


def test_the_median_line_is_the_median_of_all_series(X, Y):
    axes = plot_series(X, Y)
    (line,) = lines(axes[1, 0], "median")
    np.testing.assert_allclose(line.get_ydata(), np.median(X[:, :, 1], axis=0))


def test_the_band_spans_the_middle_ninety_per_cent_of_all_series(X, Y):
    (band,) = plot_series(X, Y)[0, 1].collections
    (path,) = band.get_paths()
    low, high = np.quantile(Y[:, :, 0], [0.05, 0.95], axis=0)
    for step in range(12):
        drawn = path.vertices[path.vertices[:, 0] == step, 1]
        assert drawn.min() == pytest.approx(low[step])
        assert drawn.max() == pytest.approx(high[step])


def test_the_thin_lines_are_series_of_their_side(X, Y):
    drawn = thin_lines(plot_series(X, Y, n_series=4)[2, 1])
    known = {series.tobytes() for series in Y[:, :, 2].copy()}
    assert len(drawn) == 4
    assert {np.asarray(series).tobytes() for series in drawn} <= known


# property of a family


def test_the_first_four_channels_have_a_row_each(X, Y):
    assert plot_series(X, Y).shape == (4, 2)


def test_chosen_channels_are_shown_under_their_names(X, Y):
    axes = plot_series(X, Y, channels=[5, 0], channel_names=list("abcdef"))
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["f", "a"]


def test_both_panels_of_a_row_have_the_same_limits(X, Y):
    for real, synthetic in plot_series(X, Y):
        assert real.get_ylim() == synthetic.get_ylim()


def test_the_limits_hold_every_line_of_both_sides(X, Y):
    for row in plot_series(X, Y):
        low, high = row[0].get_ylim()
        drawn = np.concatenate([line for ax in row for line in thin_lines(ax)])
        assert low < drawn.min()
        assert drawn.max() < high


def test_the_columns_say_which_is_real_and_how_many_there_are(X, Y):
    titles = [ax.get_title(loc="left") for ax in plot_series(X, Y)[0]]
    assert titles == ["Real, 50 series", "Synthetic, 30 series"]


def test_two_dimensions_are_one_channel(X, Y):
    assert plot_series(X[:, :, 0], Y[:, :, 0]).shape == (1, 2)


def test_no_single_series_may_be_asked_for(X, Y):
    assert thin_lines(plot_series(X, Y, n_series=0)[0, 0]) == []


def test_fewer_series_than_asked_for_are_all_shown(X, Y):
    assert len(thin_lines(plot_series(X[:3], Y, n_series=9)[0, 0])) == 3


def test_the_same_series_are_shown_every_time(X, Y):
    first, again = (thin_lines(plot_series(X, Y)[0, 0]) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_series_of_one_step_can_be_drawn(X, Y):
    plot_series(X[:, :1], Y[:, :1])[0, 0].figure.savefig(io.BytesIO())


def test_the_figure_can_be_saved_without_a_display(X, Y):
    target = io.BytesIO()
    plot_series(X, Y)[0, 0].figure.savefig(target, format="png")
    assert target.getvalue().startswith(b"\x89PNG")


def test_given_axes_are_drawn_on_and_returned(X, Y):
    from matplotlib.figure import Figure

    ours = Figure().subplots(1, 2, squeeze=False)
    axes = plot_series(X, Y, channels=[3], axes=ours)
    assert axes[0, 1] is ours[0, 1]
    assert ours[0, 1].has_data()


# refusals


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"channels": [6]}, ValueError, "from 0 to 5"),
        ({"channels": []}, ValueError, "one or more"),
        ({"channels": [0.5]}, TypeError, "channels must be an integer"),
        ({"channel_names": ["a"]}, ValueError, "name all 6 channels"),
        ({"n_series": -1}, ValueError, "n_series"),
        ({"axes": [[None, None]]}, ValueError, r"axes must have shape \(4, 2\)"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(options, error, message, X, Y):
    with pytest.raises(error, match=message):
        plot_series(X, Y, **options)


def test_series_of_other_steps_are_refused(X, Y):
    with pytest.raises(ValueError, match="same time steps and channels"):
        plot_series(X, Y[:, :5])


def test_without_matplotlib_the_message_names_the_extra(X, Y, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "tsgen-latent\[plot\]"'):
        plot_series(X, Y)


def test_importing_the_modules_without_a_network_loads_no_heavy_package():
    code = (
        "import sys, tsgen.datasets, tsgen.metrics, tsgen.plots, tsgen.reference; "
        "print({'torch', 'ot', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_plotting_does_not_load_pyplot():
    code = (
        "import sys, numpy as np; from tsgen.plots import plot_series; "
        "plot_series(np.eye(3), np.eye(3)); print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_series_of_one_step_are_points():
    X = np.random.default_rng(0).normal(size=(20, 1, 1))
    for ax in plot_series(X, X, n_series=3).flat:
        assert [line.get_marker() for line in ax.lines] == ["o"] * 4
    for ax in plot_series(X.reshape(4, 5), X.reshape(4, 5), n_series=3).flat:
        assert [line.get_marker() for line in ax.lines] == ["None"] * 4
