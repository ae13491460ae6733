import dataclasses
import gzip

import numpy as np
import pytest

from tsgen.datasets import eicu as module
from tsgen.datasets import fetch_eicu_demo

VITALS = (
    "vitalaperiodicid,patientunitstayid,observationoffset,"
    "noninvasivesystolic,noninvasivediastolic,noninvasivemean,paop"
)
PATIENTS = "patientunitstayid,gender,age,unitstaytype,uniquepid"


def vital(stay, minute, pressures="120,80,93"):
    return f"1,{stay},{minute},{pressures},"


def steady(stay, n_hours):
    return [vital(stay, 60 * hour + 59) for hour in range(n_hours)]


def patient(stay, person, kind="admit"):
    return f"{stay},Female,> 89,{kind},002-{person}"


def text(header, rows):
    return "\n".join([header, *rows, ""]).encode()


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a folder like the demo."""

    def write(vitals, patients, suffix=".csv", pack=bytes):
        folder = tmp_path / "eicu"
        folder.mkdir(exist_ok=True)
        path = folder / f"vitalAperiodic{suffix}"
        path.write_bytes(pack(text(VITALS, vitals)))
        (folder / f"patient{suffix}").write_bytes(pack(text(PATIENTS, patients)))
        return folder

    return write


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".csv", bytes), (".csv.gz", gzip.compress)]
)
def test_stays_become_series_of_hourly_means(write, suffix, pack):
    rows = [*steady(9, 4), *steady(3, 4), vital(3, 70, "100,60,73")]
    folder = write(rows, [patient(9, 1), patient(3, 1)], suffix, pack)
    pressures = fetch_eicu_demo(folder, n_hours=4)
    np.testing.assert_array_equal(pressures.stays, [3, 9])
    np.testing.assert_array_equal(pressures.groups, ["002-1", "002-1"])
    np.testing.assert_array_equal(pressures.data[0, :2], [[120, 80, 93], [110, 70, 83]])
    assert pressures.channel_names == ["systolic", "diastolic", "mean"]


@pytest.mark.parametrize(
    "row",
    [
        vital(3, 10, "100,60,"),
        vital(3, 10, ",,80"),
        vital(3, 10, "100,0,80"),
        vital(3, -10, "100,60,80"),
        vital(3, 60, "100,60,80"),
        vital(4, 10, "100,60,80"),
    ],
)
def test_what_is_no_measurement_of_the_stay_is_left_out(write, row):
    folder = write([row, *steady(3, 1)], [patient(3, 1)])
    np.testing.assert_array_equal(
        fetch_eicu_demo(folder, n_hours=1).data, [[[120, 80, 93]]]
    )


def test_three_quarters_of_the_hours_must_be_observed_unless_told(write):
    folder = write([*steady(3, 9), *steady(4, 8)], [patient(3, 1), patient(4, 2)])
    np.testing.assert_array_equal(fetch_eicu_demo(folder).stays, [3])
    assert len(fetch_eicu_demo(folder, min_hours=8).stays) == 2


def test_stays_of_step_down_units_may_be_asked_for(write):
    patients = [patient(3, 1), patient(4, 2, kind="stepdown/other")]
    folder = write([*steady(3, 2), *steady(4, 2)], patients)
    down = fetch_eicu_demo(folder, n_hours=2, step_down=True)
    np.testing.assert_array_equal(down.stays, [4])
    assert len(fetch_eicu_demo(folder, n_hours=2).stays) == 2


@pytest.mark.parametrize(
    ("n_hours", "step_down", "shape"),
    [(12, False, (1753, 12, 3)), (24, False, (1420, 24, 3)), (12, True, (61, 12, 3))],
)
def test_the_whole_set_has_the_documented_shapes(at_hand, n_hours, step_down, shape):
    pressures = fetch_eicu_demo(
        at_hand("eicu_demo"), n_hours=n_hours, step_down=step_down
    )
    assert pressures.data.shape == shape
    assert pressures.data.min() > 0
    assert len(np.unique(pressures.groups)) < len(pressures.groups)


@pytest.fixture
def on_the_net(site, data_home, monkeypatch):
    """Publish both tables."""
    tables = {
        "_VITALS_SOURCE": text(VITALS, steady(3, 12)),
        "_PATIENTS_SOURCE": text(PATIENTS, [patient(3, 1)]),
    }
    for name, content in tables.items():
        url = site.publish(f"{name}.csv.gz", gzip.compress(content))
        source = dataclasses.replace(getattr(module, name), url=url)
        monkeypatch.setattr(module, name, source)
    return site


def test_both_tables_are_downloaded_once(on_the_net):
    for _ in range(2):
        assert fetch_eicu_demo().data.shape == (1, 12, 3)
    assert len(on_the_net.asked) == 2


@pytest.mark.parametrize(
    "answer", [b"<html>", gzip.compress(text(VITALS, steady(3, 12)), mtime=0)[:-7]]
)
def test_another_answer_is_refused_and_not_kept(on_the_net, data_home, answer):
    on_the_net.publish("_VITALS_SOURCE.csv.gz", answer)
    with pytest.raises(ValueError, match="could not be downloaded"):
        fetch_eicu_demo()
    assert not [path for path in data_home.rglob("*") if path.is_file()]


def test_a_folder_without_the_tables_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"path must be .*vitalAperiodic\.csv"):
        fetch_eicu_demo(tmp_path)


def test_a_download_that_is_not_allowed_is_refused(data_home):
    with pytest.raises(FileNotFoundError, match="folder of both tables as path"):
        fetch_eicu_demo(download_if_missing=False)


def test_a_table_without_a_column_is_refused(write):
    folder = write(steady(3, 12), [patient(3, 1)])
    (folder / "patient.csv").write_text("patientunitstayid,age\n3,50\n")
    with pytest.raises(ValueError, match=r"path must hold a CSV file patient\.csv"):
        fetch_eicu_demo(folder)


@pytest.mark.parametrize("words", ["ODbL", "eicu-crd-demo/2.0.1"])
def test_the_description_names_source_and_licence(words):
    assert words in module._DESCRIPTION
