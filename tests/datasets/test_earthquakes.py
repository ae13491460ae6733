import dataclasses
import gzip
import hashlib
import time

import numpy as np
import pytest

from tsgen.datasets import _events, fetch_earthquakes, load_earthquakes
from tsgen.datasets import earthquakes as module

PARTS = ["train", "val", "test"]


@pytest.fixture(scope="module")
def quakes():
    return load_earthquakes()


@pytest.fixture(scope="module")
def sequences():
    return load_earthquakes(n_events=None)


@pytest.fixture(scope="module")
def starts():
    return _events.split_starts(_events.window_starts())


# closed form


@pytest.mark.parametrize(
    ("part", "n_sequences", "n_events", "shortest", "longest"),
    [
        ("train", 950, 82657, 22, 345),
        ("val", 50, 4130, 38, 194),
        ("test", 50, 5110, 34, 554),
    ],
)
def test_the_sequences_are_as_many_and_as_long_as_those_of_neural_stpp(
    sequences, quakes, part, n_sequences, n_events, shortest, longest
):
    lengths = [len(sequence) for sequence in sequences[part]]
    assert (len(lengths), sum(lengths)) == (n_sequences, n_events)
    assert (min(lengths), max(lengths)) == (shortest, longest)
    row = f"{part:<8} {n_sequences:>9} {n_events:>15,} {shortest:>10} {longest:>9}"
    assert row in quakes.DESCR


@pytest.mark.parametrize("part", PARTS)
def test_a_series_is_the_first_22_events_of_its_sequence(quakes, sequences, part):
    assert quakes[part].dtype == np.float64
    assert quakes[part].shape == (len(sequences[part]), 22, 3)
    for series, sequence in zip(quakes[part], sequences[part], strict=True):
        np.testing.assert_array_equal(series, sequence[:22])


def test_the_catalogue_starts_with_the_published_event():
    catalogue = module._shipped_catalogue()
    assert len(catalogue.times) == 37581
    assert str(catalogue.times[0]) == "1990-01-01T09:03:12.880"
    np.testing.assert_array_equal(catalogue.marks[0, :2], [140.568, 36.417])


def test_all_1050_sequences_are_those_that_were_compared_with_neural_stpp():
    """Milliseconds since the start, and 1e-4 degrees, in exact integers."""
    quakes = load_earthquakes(n_events=None, time="days")
    events = np.concatenate([event for part in PARTS for event in quakes[part]])
    exact = np.rint(events * [86_400_000, 1e4, 1e4])
    np.testing.assert_allclose(events * [86_400_000, 1e4, 1e4], exact, atol=1e-5)
    digest = hashlib.sha256(exact.astype("<i8").tobytes()).hexdigest()
    assert digest == "2b27356365e01a5a96a5128c75faeaf34d5a6449b42e570cfb4128c2ec7c8f09"


def test_days_are_the_sums_of_the_gaps(sequences):
    days = load_earthquakes(n_events=None, time="days")
    assert days.channel_names[0] == "days"
    for one, other in zip(days.val, sequences.val, strict=True):
        gaps = np.exp(other[:, 0])
        tolerance = 1e-5 * len(gaps)  # of the floor of the gaps
        np.testing.assert_allclose(one[:, 0], gaps.cumsum(), atol=tolerance)
        np.testing.assert_array_equal(one[:, 1:], other[:, 1:])


def test_the_magnitude_is_the_last_channel_if_asked_for(quakes):
    with_magnitude = load_earthquakes(magnitude=True)
    assert with_magnitude.channel_names == [*quakes.channel_names, "magnitude"]
    np.testing.assert_array_equal(with_magnitude.test[:, :, :3], quakes.test)
    magnitude = np.concatenate([with_magnitude[part][:, :, 3] for part in PARTS])
    assert 2.7 <= magnitude.min() < magnitude.max() <= 9.1


def test_the_first_series_for_training_starts_with_the_twelfth_window(quakes, starts):
    assert str(starts["train"][0]) == "1990-03-19"
    first, second = np.exp(quakes.train[0, :2, 0])
    seconds = 86400 * np.array([first, first + second])
    np.testing.assert_allclose(seconds, [1323.76, 90739.72], atol=1e-6)
    np.testing.assert_array_equal(
        quakes.train[0, :2, 1:], [[125.31, 25.375], [141.605, 27.22]]
    )


def test_windows_start_weekly_except_about_the_tohoku_earthquake(starts):
    days = np.sort(_events.window_starts())
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
    start = np.datetime64("1990-01-01")
    sequence = _events._sequence(times, np.zeros((2, 2)), start, log_gaps=True)
    np.testing.assert_allclose(sequence[:, 0], np.log([0.5, 1e-5]))


def test_a_window_ends_before_its_thirtieth_day_is_over():
    days = np.datetime64("1990-01-01") + np.array([0, 1, 30, 31])
    times = days.astype("datetime64[ms]")
    sequence = _events._sequence(times, np.zeros((4, 2)), days[0], log_gaps=False)
    np.testing.assert_array_equal(sequence[:, 0], [0, 1])


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


@pytest.mark.parametrize("bad", [0, -1, 2.5, "22", True])
def test_a_number_of_events_that_is_no_count_is_refused(bad):
    with pytest.raises((TypeError, ValueError), match="n_events"):
        load_earthquakes(n_events=bad)


@pytest.mark.parametrize("read", [load_earthquakes, fetch_earthquakes])
def test_an_unknown_time_is_refused(read):
    with pytest.raises(ValueError, match="time must be 'log_gaps' or 'days'"):
        read(time="hours")


# a fresh catalogue

HEADER = "time,latitude,longitude,depth,mag,magType,place,type"
QUAKE = '{},36.5,141.25,10,{},mb,"20 km E of Hitachi, Japan",earthquake'


def catalogue_text(*rows, magnitude=4.5):
    """Text of a catalogue with an event at noon of every other day of 30 years."""
    days = np.arange("1990-01-01", "2020-01-01", 2, dtype="datetime64[D]")
    quakes = [QUAKE.format(f"{day}T12:00:00.000Z", magnitude) for day in days]
    return "\n".join([HEADER, *rows, *quakes, ""])


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file."""

    def write(content, name="query.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_catalogue_becomes_sequences(write, pack):
    quakes = fetch_earthquakes(
        write(pack(catalogue_text().encode())), n_events=15, time="days", magnitude=True
    )
    assert [quakes[part].shape for part in PARTS] == [
        (950, 15, 4),
        (50, 15, 4),
        (50, 15, 4),
    ]
    offset = quakes.train[0, 0, 0]
    assert offset in (0.5, 1.5)
    np.testing.assert_allclose(quakes.train[0, :, 0], offset + 2 * np.arange(15))
    np.testing.assert_array_equal(quakes.train[0, 0, 1:], [141.25, 36.5, 4.5])


# the window of the first training sequence starts at 1990-03-19
FIRST = "1990-03-19"


@pytest.mark.parametrize(
    ("row", "options", "kept"),
    [
        (QUAKE.format(f"{FIRST}T00:00:01.000Z", 4.5), {}, True),
        (QUAKE.format(f"{FIRST} 00:00:01.000", 4.5), {}, True),
        (QUAKE.format(f"{FIRST}T00:00:01.000Z", 2.4), {}, False),
        (QUAKE.format(f"{FIRST}T00:00:01.000Z", 2.4), {"min_magnitude": 2}, True),
        (QUAKE.format(f"{FIRST}T00:00:01.000Z", -0.3), {}, False),
        (QUAKE.format(f"{FIRST}T00:00:01.000Z", ""), {"min_magnitude": -9}, False),
        (f"{FIRST}T00:00:01Z,36,160,,5,mb,Far,earthquake", {}, False),
        (f"{FIRST}T00:00:01Z,50,141,,5,mb,Far,earthquake", {}, False),
        (f"{FIRST}T00:00:01Z,36,141,,5,mb,Quarry,quarry blast", {}, False),
        (f"{FIRST}T00:00:01Z,36,141,,5,mb,Taiwan,earthquake", {}, True),
        (
            f"{FIRST}T00:00:01Z,36,141,,5,mb,Taiwan,earthquake",
            {"place_filter": "Japan"},
            False,
        ),
    ],
)
def test_an_event_counts_if_it_is_a_quake_of_the_box(write, row, options, kept):
    quakes = fetch_earthquakes(
        write(catalogue_text(row)), n_events=None, time="days", **options
    )
    first = quakes.train[0][0, 0]
    assert first == pytest.approx(1 / 86400 if kept else 1.5)


def test_the_files_of_a_folder_are_joined_in_the_order_of_time(write):
    lines = catalogue_text().splitlines()
    whole = fetch_earthquakes(write(catalogue_text()), n_events=15)
    late = write("\n".join([HEADER, *lines[2000:], ""]), "years/a.csv")
    write(gzip.compress("\n".join(lines[:2000]).encode()), "years/b.csv.gz")
    joined = fetch_earthquakes(late.parent, n_events=15)
    for part in PARTS:
        np.testing.assert_array_equal(joined[part], whole[part])


def test_sequences_with_fewer_events_are_left_out(write):
    lines = catalogue_text().splitlines()
    sparse = "\n".join([*lines[:200], *lines[260:], ""])
    assert len(fetch_earthquakes(write(sparse), n_events=15).train) < 950


def test_the_shipped_catalogue_gives_the_shipped_sequences(at_hand, quakes):
    path = at_hand("earthquakes/japan_1990_2019.csv.gz")
    fetched = fetch_earthquakes(path)
    for part in PARTS:
        np.testing.assert_array_equal(fetched[part], quakes[part])


def test_all_columns_of_the_service_are_understood(at_hand):
    year = module._read_file(at_hand("earthquakes/usgs_japan_2011_allcolumns.csv.gz"))
    assert len(year.times) == 5737
    in_japan = _events.choose_events(year, 4, "Japan")
    assert len(in_japan.times) / 5737 == pytest.approx(0.986, abs=5e-4)
    feed = module._read_file(at_hand("earthquakes/usgs_feed_sample_2015.csv"))
    assert len(feed.times) <= 500
    assert (np.diff(feed.times) >= np.timedelta64(0)).all()


@pytest.fixture
def on_the_net(site, data_home, monkeypatch):
    """Publish a catalogue in two files."""
    lines = catalogue_text().splitlines()
    parts = {"1990": lines[:2000], "2019": [HEADER, *lines[2000:]]}
    sources = [
        dataclasses.replace(
            module._SOURCES[0],
            url=site.publish(f"{year}.csv", "\n".join([*part, ""])),
            name=f"{year}.csv",
        )
        for year, part in parts.items()
    ]
    monkeypatch.setattr(module, "_SOURCES", sources)
    return site


def test_every_year_is_downloaded_once(on_the_net):
    for _ in range(2):
        assert fetch_earthquakes(n_events=15).train.shape == (950, 15, 3)
    assert sorted(on_the_net.asked) == ["/1990.csv", "/2019.csv"]


@pytest.mark.parametrize(
    "answer",
    ["", "<html>busy</html>\n", f"{HEADER}\n", catalogue_text()[:-5]],
    ids=["empty", "page", "header", "broken off"],
)
def test_an_answer_without_events_is_refused_and_not_kept(
    on_the_net, data_home, answer
):
    on_the_net.publish("1990.csv", answer)
    with pytest.raises(ValueError, match=r"1990\.csv could not be downloaded"):
        fetch_earthquakes()
    assert not [path for path in data_home.rglob("*") if path.is_file()]


def test_a_query_asks_for_one_year_of_the_box():
    first, *_, last = [source.url for source in module._SOURCES]
    assert len(module._SOURCES) == 30
    assert "starttime=1990-01-01&endtime=1990-12-31T23:59:59.999" in first
    assert "starttime=2019-01-01" in last
    for bound in ("latitude=22", "latitude=46", "longitude=122", "longitude=150"):
        assert f"m{'ax' if bound[-2:] in ('46', '50') else 'in'}{bound}" in first
    assert "minmagnitude=2.5" in first


def test_a_missing_year_is_refused_without_a_download(data_home):
    with pytest.raises(FileNotFoundError, match=r"usgs_japan_1990.*all years as path"):
        fetch_earthquakes(download_if_missing=False)


@pytest.mark.parametrize("name", ["none.csv", "."])
def test_a_path_without_a_catalogue_is_refused(tmp_path, name):
    with pytest.raises(FileNotFoundError, match="path must name a file"):
        fetch_earthquakes(tmp_path / name)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<html>",
        "time,latitude,longitude\n",
        f"{HEADER}\n1990-01-01,36,141\n",
        catalogue_text(QUAKE.format("yesterday", 5)),
        catalogue_text(QUAKE.format("1990-01-01", "large")),
        b"\xff\xfe\x00",
    ],
)
def test_a_table_of_another_form_is_refused(write, content):
    with pytest.raises(ValueError, match=r"path must name a CSV file .*query\.csv"):
        fetch_earthquakes(write(content))


def test_a_catalogue_without_enough_events_is_refused(write):
    with pytest.raises(ValueError, match="n_events=16 and none of 950"):
        fetch_earthquakes(write(catalogue_text()), n_events=16)


def test_places_that_the_table_does_not_have_are_refused(write):
    text = "time,latitude,longitude,mag\n1990-01-01T00:00:00Z,36,141,5\n"
    with pytest.raises(ValueError, match="place_filter must be None"):
        fetch_earthquakes(write(text), place_filter="Japan")


@pytest.mark.parametrize("bad", [2.4, "5", np.nan, np.inf, None])
def test_a_magnitude_that_is_not_in_a_download_is_refused(bad):
    with pytest.raises(ValueError, match=r"min_magnitude must be .* at least 2\.5"):
        fetch_earthquakes(min_magnitude=bad)
