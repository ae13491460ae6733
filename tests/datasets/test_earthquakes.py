import time

import numpy as np
import pytest

from tsgen.datasets import earthquakes as module
from tsgen.datasets import load_earthquakes

PARTS = ["train", "val", "test"]


@pytest.fixture(scope="module")
def quakes():
    return load_earthquakes()


@pytest.fixture(scope="module")
def sequences():
    return module._full_sequences()


@pytest.fixture(scope="module")
def starts():
    return module._split(module._window_starts())


# closed form


@pytest.mark.parametrize(
    ("part", "n_sequences", "n_events", "shortest"),
    [("train", 950, 82657, 22), ("val", 50, 4130, 38), ("test", 50, 5110, 34)],
)
def test_the_sequences_are_as_many_and_as_long_as_those_of_neural_stpp(
    sequences, quakes, part, n_sequences, n_events, shortest
):
    lengths = [len(sequence) for sequence in sequences[part]]
    assert (len(lengths), sum(lengths), min(lengths)) == (
        n_sequences,
        n_events,
        shortest,
    )
    row = f"{part:<8} {n_sequences:>9} {n_events:>15,} {shortest:>10}"
    assert row in quakes.DESCR


@pytest.mark.parametrize("part", PARTS)
def test_a_series_is_the_first_22_events_of_its_sequence(quakes, sequences, part):
    assert quakes[part].dtype == np.float64
    assert quakes[part].shape == (len(sequences[part]), 22, 3)
    for series, sequence in zip(quakes[part], sequences[part], strict=True):
        np.testing.assert_array_equal(series, sequence[:22])


def test_the_catalogue_starts_with_the_published_event():
    times, places = module._read_catalogue()
    assert len(times) == 37581
    assert str(times[0]) == "1990-01-01T09:03:12.880"
    np.testing.assert_array_equal(places[0], [140.568, 36.417])


def test_the_first_series_for_training_starts_with_the_twelfth_window(quakes, starts):
    assert str(starts["train"][0]) == "1990-03-19"
    first, second = np.exp(quakes.train[0, :2, 0])
    seconds = 86400 * np.array([first, first + second])
    np.testing.assert_allclose(seconds, [1323.76, 90739.72], atol=1e-6)
    np.testing.assert_array_equal(
        quakes.train[0, :2, 1:], [[125.31, 25.375], [141.605, 27.22]]
    )


def test_windows_start_weekly_except_about_the_tohoku_earthquake(starts):
    days = np.sort(module._window_starts())
    assert (str(days[0]), str(days[-1]), len(days)) == (
        "1990-01-01",
        "2019-11-25",
        1500,
    )
    jump = np.diff(days).argmax()
    assert (str(days[jump]), str(days[jump + 1])) == ("2010-10-25", "2012-01-02")
    assert set(np.delete(np.diff(days), jump)) == {np.timedelta64(7, "D")}


def test_windows_of_different_parts_share_at_most_two_days(starts):
    for part, other in [("train", "val"), ("train", "test"), ("val", "test")]:
        apart = np.abs(starts[part][:, None] - starts[other])
        assert apart.min() == np.timedelta64(28, "D")


def test_gaps_are_floored_before_the_logarithm():
    times = np.array(["1990-01-01T12:00", "1990-01-01T12:00"], dtype="datetime64[ms]")
    sequence = module._sequence(times, np.zeros((2, 2)), np.datetime64("1990-01-01"))
    np.testing.assert_allclose(sequence[:, 0], np.log([0.5, 1e-5]))


def test_a_window_ends_before_its_thirtieth_day_is_over():
    days = np.datetime64("1990-01-01") + np.array([0, 1, 30, 31])
    sequence = module._sequence(
        days.astype("datetime64[ms]"), np.zeros((4, 2)), np.datetime64("1990-01-01")
    )
    assert len(sequence) == 2


@pytest.mark.parametrize(
    "words", ["public domain", "USGS", "overlap", "not stationary", "Neural STPP"]
)
def test_earthquakes_name_their_source_licence_and_pitfalls(quakes, words):
    assert words in quakes.DESCR


def test_earthquakes_load_in_less_than_a_second():
    start = time.process_time()
    load_earthquakes()
    assert time.process_time() - start < 1


# property of a family


@pytest.mark.parametrize("part", PARTS)
def test_gaps_add_up_to_at_most_thirty_days(sequences, part):
    spans = np.array([np.exp(sequence[:, 0]).sum() for sequence in sequences[part]])
    assert spans.max() < 30.01  # the floor of the gaps adds a little
    assert spans.min() > 20


@pytest.mark.parametrize("part", PARTS)
def test_events_lie_in_the_box_that_the_description_gives(quakes, part):
    _, *place = np.moveaxis(quakes[part], -1, 0)
    for values, low, high in zip(place, [122, 22], [150, 46], strict=True):
        assert low <= values.min() < values.max() <= high


@pytest.mark.parametrize("n_events", [1, 5, np.int64(22)])
def test_fewer_events_are_the_start_of_more(quakes, n_events):
    fewer = load_earthquakes(n_events=n_events)
    for part in PARTS:
        np.testing.assert_array_equal(fewer[part], quakes[part][:, :n_events])


def test_there_is_a_name_for_every_channel(quakes):
    assert quakes.channel_names == ["log_days", "longitude", "latitude"]
    assert all(f"\n{name} " in quakes.DESCR for name in quakes.channel_names)


# identity


def test_writing_into_what_was_loaded_leaves_the_next_load_alone(quakes):
    load_earthquakes().train[:] = 0
    np.testing.assert_array_equal(load_earthquakes().train, quakes.train)


# refusals


def test_more_events_than_the_shortest_sequence_has_are_refused():
    with pytest.raises(ValueError, match=r"the 22 events .* got n_events=23"):
        load_earthquakes(n_events=23)


@pytest.mark.parametrize("bad", [0, -1, 2.5, "22", None, True])
def test_a_number_of_events_that_is_no_count_is_refused(bad):
    with pytest.raises((TypeError, ValueError), match="n_events"):
        load_earthquakes(n_events=bad)
