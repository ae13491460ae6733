"""The fan of a forecast: what it shows, and what it refuses."""

import numpy as np
import pytest

from tsgen.plots import plot_forecast


@pytest.fixture(scope="module")
def draws():
    """Return 200 random walks of one beginning: (200, 10, 2)."""
    X = np.random.default_rng(0).normal(size=(200, 10, 2)).cumsum(axis=1)
    X[:, :4] = X[0, :4]
    return X


def test_a_panel_for_each_channel(draws):
    axes = plot_forecast(draws, 4, channel_names=["north", "east"])
    assert [ax.get_title(loc="left") or ax.get_title() for ax in axes] == [
        "north",
        "east",
    ]


def test_the_median_goes_on_from_what_is_known(draws):
    axes = plot_forecast(draws, 4, channels=[1])
    lines = {line.get_label(): line for line in axes[0].lines}
    np.testing.assert_array_equal(lines["known"].get_ydata(), draws[0, :4, 1])
    wanted = np.median(draws[:, 3:, 1], axis=0)
    np.testing.assert_array_equal(lines["median"].get_ydata(), wanted)
    np.testing.assert_array_equal(lines["median"].get_xdata(), np.arange(4, 11))


def test_the_bands_hold_their_share_of_the_draws(draws):
    (ax,) = plot_forecast(draws, 4, channels=[0])
    for band, wanted in zip(ax.collections, (0.9, 0.5), strict=True):
        corners = band.get_paths()[0].vertices
        last = corners[corners[:, 0] == 10, 1]
        within = (draws[:, -1, 0] >= last.min()) & (draws[:, -1, 0] <= last.max())
        assert within.mean() == pytest.approx(wanted, abs=0.02)


def test_the_truth_is_drawn_if_it_is_known(draws):
    (ax,) = plot_forecast(draws, 4, channels=[0], truth=draws[7])
    lines = {line.get_label(): line for line in ax.lines}
    np.testing.assert_array_equal(lines["what came"].get_ydata(), draws[7, :, 0])


@pytest.mark.parametrize("channels", [[0], [0, 1], [0, 1, 0, 1]])
def test_the_legend_is_within_the_figure(draws, channels):
    axes = plot_forecast(draws, 4, channels=channels, truth=draws[7])
    figure = axes[0].figure
    figure.canvas.draw()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.width
    assert len(legend.get_texts()) == 5


def test_the_truth_needs_no_axis_of_one_channel(draws):
    (ax,) = plot_forecast(draws[:, :, 0], 4, truth=draws[7, :, 0])
    lines = {line.get_label(): line for line in ax.lines}
    np.testing.assert_array_equal(lines["what came"].get_ydata(), draws[7, :, 0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_known": 10}, "n_known must be less than the 10 steps"),
        ({"n_known": 5}, "equal in their first 5 steps"),
        ({"n_known": 0}, "n_known must be an integer of at least 1"),
        ({"truth": np.zeros((9, 2))}, r"shape \(10, 2\), got \(9, 2\)"),
        ({"channels": [2]}, "positions from 0 to 1"),
    ],
)
def test_bad_requests_are_named(draws, change, message):
    with pytest.raises(ValueError, match=message):
        plot_forecast(draws, **{"n_known": 4, **change})


def test_axes_that_come_in_are_used(draws):
    first = plot_forecast(draws, 4)
    again = plot_forecast(draws, 4, axes=first)
    assert again[0] is first[0]
