import gzip

import numpy as np
import pytest

from tsgen.datasets import _tables, load_mimic

STAYS = "ROW_ID,SUBJECT_ID,HADM_ID,ICUSTAY_ID,DBSOURCE,INTIME,OUTTIME,LOS"
EVENTS = "ROW_ID,SUBJECT_ID,ICUSTAY_ID,ITEMID,CHARTTIME,VALUE,VALUENUM,WARNING,ERROR"


def stay(number, subject, intime="2130-02-04 04:30:15"):
    return f'{number},{subject},9,{number},"carevue",{intime},2130-03-01 00:00:00,1.5'


def event(number, hour, item, value, error="0", minute=40):
    """One row; hours count from 04:40, ten minutes after admission."""
    day, clock = divmod(4 + hour, 24)
    when = f"2130-02-{4 + day:02d} {clock:02d}:{minute}:00"
    return f"1,7,{number},{item},{when},{value},{value},0,{error}"


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a folder like MIMIC-III."""

    def write(stays, events, suffix=".csv", change=str.upper, pack=False):
        tables = {"icustays": (STAYS, stays), "chartevents": (EVENTS, events)}
        for name, (header, rows) in tables.items():
            content = "\n".join([change(header), *rows, ""]).encode()
            path = tmp_path / (change(name) + suffix)
            path.write_bytes(gzip.compress(content) if pack else content)
        return tmp_path

    return write


def steady(number, n_hours, item=211, value=70):
    return [event(number, hour, item, value) for hour in range(n_hours)]


HEART = {"features": ["heart_rate"]}

# closed form


@pytest.mark.parametrize("change", [str.upper, str.lower])
@pytest.mark.parametrize("pack", [False, True])
def test_stays_become_series_of_hourly_means(write, change, pack):
    folder = write(
        [stay(20, 7), stay(10, 8)],
        [*steady(20, 4, value=60), *steady(10, 4), event(10, 1, 220045, 90)],
        suffix=".csv.gz" if pack else ".csv",
        change=change,
        pack=pack,
    )
    vitals = load_mimic(folder, n_hours=4, **HEART)
    np.testing.assert_array_equal(vitals.data[:, :, 0], [[70, 80, 70, 70], [60] * 4])
    np.testing.assert_array_equal(vitals.stays, [10, 20])
    np.testing.assert_array_equal(vitals.groups, [8, 7])
    assert vitals.channel_names == ["heart_rate"]


@pytest.mark.parametrize(
    "row",
    [
        event(10, 1, 211, 120, error="1"),
        event(10, 1, 211, ""),
        event(10, 1, 211, 301),
        event(10, 1, 211, 0),
        event(10, 1, 211, -5),
        event(10, 1, 224695, 2222221.7),  # another item
        event("", 1, 211, 120),
        event(99, 1, 211, 120),
        event(10, -1, 211, 120),
        event(10, 4, 211, 120),
    ],
)
def test_what_is_no_measurement_of_the_stay_is_left_out(write, row):
    folder = write([stay(10, 8)], [row, *steady(10, 4)])
    vitals = load_mimic(folder, n_hours=4, min_hours=1, **HEART)
    np.testing.assert_array_equal(vitals.data[0, :, 0], [70] * 4)


@pytest.mark.parametrize("error", ["", "0", "0.0"])
def test_a_row_that_is_not_marked_as_error_counts(write, error):
    folder = write([stay(10, 8)], [event(10, 0, 211, 70, error=error)])
    assert load_mimic(folder, n_hours=1, **HEART).data == 70


def test_an_hour_starts_with_the_admission(write):
    rows = [event(10, 0, 211, 50, minute=59), event(10, 1, 211, 60, minute=29)]
    rows.append(event(10, 1, 211, 70, minute=31))
    vitals = load_mimic(write([stay(10, 8)], rows), n_hours=2, **HEART)
    np.testing.assert_array_equal(vitals.data[0, :, 0], [55, 70])


@pytest.mark.parametrize(
    ("item", "value"), [(676, 37), (223762, 37), (678, 98.6), (223761, 98.6)]
)
def test_temperatures_are_in_degrees_celsius(write, item, value):
    folder = write([stay(10, 8)], [event(10, 0, item, value)])
    vitals = load_mimic(folder, n_hours=1, features=["temperature"])
    assert vitals.data == pytest.approx(37)


@pytest.mark.parametrize(
    ("name", "items"),
    {
        "systolic": [51, 442, 455, 6701, 220179, 220050],
        "diastolic": [8368, 8440, 8441, 8555, 220180, 220051],
        "mean": [456, 52, 6702, 443, 220052, 220181, 225312],
        "respiratory_rate": [615, 618, 220210, 224690],
        "oxygen_saturation": [646, 220277],
    }.items(),
)
def test_both_record_systems_are_read(write, name, items):
    rows = [event(10, hour, item, 50 + hour) for hour, item in enumerate(items)]
    vitals = load_mimic(write([stay(10, 8)], rows), features=[name], n_hours=len(items))
    np.testing.assert_array_equal(vitals.data[0, :, 0], 50 + np.arange(len(items)))


def test_channels_come_in_the_order_of_the_features(write):
    rows = [*steady(10, 2), *steady(10, 2, item=646, value=97)]
    names = ["oxygen_saturation", "heart_rate"]
    vitals = load_mimic(write([stay(10, 8)], rows), features=names, n_hours=2)
    np.testing.assert_array_equal(vitals.data[0], [[97, 70]] * 2)
    assert vitals.channel_names == names


def test_all_windows_end_with_the_last_measurement(write):
    rows = [*steady(10, 11), *steady(20, 4), *steady(30, 3)]
    folder = write([stay(10, 8), stay(20, 8), stay(30, 9)], rows)
    vitals = load_mimic(folder, n_hours=4, windows="all", **HEART)
    np.testing.assert_array_equal(vitals.stays, [10, 10, 20])
    np.testing.assert_array_equal(vitals.start_hours, [0, 4, 0])
    np.testing.assert_array_equal(vitals.groups, [8, 8, 8])


@pytest.mark.parametrize(
    ("windows", "n_hours", "wanted"),
    [("first", 12, 6), ("first", 5, 3), ("all", 12, 8)],
)
def test_so_many_hours_must_be_observed_unless_told(write, windows, n_hours, wanted):
    last = event(20, n_hours - 1, 211, 70)
    rows = [*steady(10, wanted - 1), event(10, n_hours - 1, 211, 70)]
    rows += [*steady(20, wanted - 2), last]
    folder = write([stay(10, 8), stay(20, 9)], rows)
    vitals = load_mimic(folder, n_hours=n_hours, windows=windows, **HEART)
    np.testing.assert_array_equal(vitals.stays, [10])


def test_hours_are_filled_within_their_window_only(write):
    rows = [event(10, hour, 211, 60 + hour) for hour in (0, 1, 3, 5, 6)]
    folder = write([stay(10, 8)], rows)
    vitals = load_mimic(folder, n_hours=3, min_hours=1, windows="all", **HEART)
    np.testing.assert_array_equal(vitals.data[:, :, 0], [[60, 61, 61], [63, 63, 65]])


def test_chunks_do_not_show(write, monkeypatch):
    rows = [*steady(10, 5), *steady(20, 5), *steady(10, 5, item=646, value=97)]
    folder = write([stay(10, 8), stay(20, 9)], rows)
    whole = load_mimic(folder, n_hours=5, windows="all", **HEART)
    monkeypatch.setattr(_tables, "CHUNK_ROWS", 2)
    parts = load_mimic(folder, n_hours=5, windows="all", **HEART)
    np.testing.assert_array_equal(parts.data, whole.data)


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({}, (123, 12, 6)),
        ({"n_hours": 24}, (120, 24, 6)),
        ({"windows": "all"}, (983, 12, 6)),
    ],
)
def test_the_demo_has_the_documented_shapes(at_hand, options, shape):
    vitals = load_mimic(at_hand("mimic_demo"), **options)
    assert vitals.data.shape == shape
    assert np.isfinite(vitals.data).all()
    assert len(np.unique(vitals.groups)) <= 100
    assert f"{shape[0]}\n" in load_mimic.__doc__


@pytest.mark.parametrize("words", ["ODbL", "data use", "downloaded", "10.13026/C2HM2Q"])
def test_the_description_names_source_and_licence(write, words):
    vitals = load_mimic(write([stay(10, 8)], steady(10, 1)), n_hours=1, **HEART)
    assert words in vitals.DESCR


# refusals


def test_a_folder_without_the_tables_is_refused_with_the_page(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileNotFoundError, match=r"ICUSTAYS\.csv.*mimiciii-demo"):
            load_mimic(folder)


def test_a_folder_without_events_is_refused(write):
    folder = write([stay(10, 8)], [])
    (folder / "CHARTEVENTS.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"CHARTEVENTS\.csv"):
        load_mimic(folder)


@pytest.mark.parametrize(
    "content",
    [b"", b"a,b\n1,2\n", b"\xff\xfe\x00", gzip.compress(b"ITEMID\n", mtime=0)[:-6]],
)
def test_a_table_of_another_form_is_refused(write, content):
    folder = write([stay(10, 8)], [])
    (folder / "CHARTEVENTS.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"folder must hold a CSV file CHARTEVENTS"):
        load_mimic(folder)


def test_a_table_with_other_dates_is_refused(write):
    row = event(10, 0, 211, 70).replace("2130-02-04 04:40:00", "noon of some day")
    with pytest.raises(ValueError, match=r"folder must hold dates in CHARTEVENTS"):
        load_mimic(write([stay(10, 8)], [row]), n_hours=1)


@pytest.mark.parametrize("events", [[], steady(10, 2)])
def test_stays_of_which_none_is_observed_are_refused(write, events):
    with pytest.raises(ValueError, match="min_hours=6, which leaves none of 1"):
        load_mimic(write([stay(10, 8)], events))


@pytest.mark.parametrize("bad", [[], ["pulse"], "mean", ["mean", "mean"]])
def test_unknown_features_are_refused(bad):
    with pytest.raises(ValueError, match="features must be a list of names among hea"):
        load_mimic("nowhere", features=bad)


def test_unknown_windows_are_refused():
    with pytest.raises(ValueError, match="windows must be 'first' or 'all', got 'la"):
        load_mimic("nowhere", windows="last")


@pytest.mark.parametrize("bad", [0, 1.5, "2"])
@pytest.mark.parametrize("name", ["n_hours", "min_hours"])
def test_hours_that_are_no_count_are_refused(name, bad):
    with pytest.raises((TypeError, ValueError), match=name):
        load_mimic("nowhere", **{name: bad})
