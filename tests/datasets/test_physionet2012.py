import dataclasses
import io
import tarfile

import numpy as np
import pytest

from tsgen.datasets import fetch_physionet2012
from tsgen.datasets import physionet2012 as module

NAN = np.nan
HEADER = "Time,Parameter,Value"
URL = "https://physionet.org/files/challenge-2012/1.0.0/set-a.tar.gz"
CUFF = {"NISysABP": 120, "NIDiasABP": 80, "NIMAP": 93}


def stay(*rows, **hourly):
    """Text of a stay: single rows, and values of variables hour by hour."""
    lines = [
        f"{hour:02d}:30,{name},{value}"
        for name, values in hourly.items()
        for hour, value in enumerate(values)
        if not np.isnan(value)
    ]
    return "\n".join([HEADER, "00:00,RecordID,1", "00:00,Age,54", *lines, *rows, ""])


def steady(n_hours, *rows, **changed):
    """Text of a stay with every channel observed in every hour, but for `changed`."""
    values = {"HR": 70, **CUFF}
    hourly = {name: [value] * n_hours for name, value in values.items()}
    return stay(*rows, **{**hourly, **changed})


@pytest.fixture
def write_tar(tmp_path):
    """Return a function that writes members into an archive like set A."""

    def write(members, mode="w:gz"):
        path = tmp_path / "set-a.tar.gz"
        with tarfile.open(path, mode) as archive:
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                content = content if isinstance(content, bytes) else content.encode()
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return path

    return write


@pytest.fixture
def read_one(write_tar):
    """Return a function that reads the series of a single stay of four hours."""

    def read(text, n_hours=4, min_hours=1):
        path = write_tar({"set-a/1.txt": text})
        (series,) = fetch_physionet2012(path, n_hours=n_hours, min_hours=min_hours).data
        return series

    return read


# closed form


def test_three_stays_become_the_series_of_the_two_that_were_observed(write_tar):
    path = write_tar(
        {
            "set-a/3.txt": steady(4),
            "set-a/1.txt": steady(4, HR=[60, 61, 62, 63]),
            "set-a/2.txt": steady(4, HR=[60, NAN, NAN, NAN]),
        }
    )
    vitals = fetch_physionet2012(path, n_hours=4, min_hours=2)
    np.testing.assert_array_equal(vitals.groups, [1, 3])
    assert vitals.groups.dtype == np.int64
    assert vitals.data.shape == (2, 4, 4)
    assert vitals.data.dtype == np.float64
    np.testing.assert_array_equal(vitals.data[0, :, 0], [60, 61, 62, 63])
    np.testing.assert_array_equal(vitals.data[1], [[70, 120, 80, 93]] * 4)


def test_twelve_hours_of_which_six_are_observed_are_the_default(write_tar):
    six = [70, NAN] * 6
    five = [70, NAN] * 5 + [NAN, NAN]
    path = write_tar(
        {"set-a/6.txt": steady(12, HR=six), "set-a/5.txt": steady(12, HR=five)}
    )
    vitals = fetch_physionet2012(path)
    assert vitals.data.shape == (1, 12, 4)
    np.testing.assert_array_equal(vitals.groups, [6])


def test_hours_are_filled_forward_then_backward(read_one):
    series = read_one(steady(4, HR=[NAN, 60, NAN, 80]))
    np.testing.assert_array_equal(series[:, 0], [60, 60, 60, 80])


def test_an_hour_is_the_mean_of_its_values(read_one):
    series = read_one(steady(4, "00:00,HR,50", "00:59,HR,70", "01:00,HR,90", HR=[]))
    np.testing.assert_array_equal(series[:, 0], [60, 90, 90, 90])


@pytest.mark.parametrize(
    ("channel", "arterial"), [(1, "SysABP"), (2, "DiasABP"), (3, "MAP")]
)
def test_the_cuff_stands_in_for_the_arterial_line_hour_by_hour(
    read_one, channel, arterial
):
    series = read_one(steady(4, **{arterial: [NAN, 100, NAN, 101]}))
    cuff = series[0, channel]
    assert cuff == list(CUFF.values())[channel - 1]
    np.testing.assert_array_equal(series[:, channel], [cuff, 100, cuff, 101])


@pytest.mark.parametrize("missing", [0, -1, np.inf])
def test_a_value_that_cannot_be_counts_as_missing(read_one, missing):
    series = read_one(steady(4, HR=[60, missing, 70, 80], SysABP=[missing] * 4))
    np.testing.assert_array_equal(series[:, 0], [60, 60, 70, 80])
    np.testing.assert_array_equal(series[:, 1], [120] * 4)


def test_hours_after_the_last_are_not_read(read_one):
    longer, exact = steady(9), steady(4)
    np.testing.assert_array_equal(read_one(longer), read_one(exact))


def test_hours_before_admission_are_not_read(read_one):
    series = read_one(steady(4, "-1:30,HR,999"))
    np.testing.assert_array_equal(series[:, 0], [70] * 4)


def test_the_stroke_of_the_forty_eighth_hour_belongs_to_no_hour(read_one):
    assert read_one(steady(48, "48:00,HR,999"), n_hours=48).max() == 120


def test_channels_may_be_observed_in_different_hours(read_one):
    text = steady(4, HR=[60, 60, NAN, NAN], NIMAP=[NAN, NAN, 93, 93])
    assert read_one(text, min_hours=2).shape == (4, 4)
    with pytest.raises(ValueError, match="min_hours"):
        read_one(text, min_hours=3)


def test_there_is_a_name_for_every_channel(write_tar):
    vitals = fetch_physionet2012(write_tar({"set-a/1.txt": steady(12)}))
    assert vitals.channel_names == ["heart_rate", "systolic", "diastolic", "mean"]
    assert all(f"\n{name} " in vitals.DESCR for name in vitals.channel_names)


def test_half_of_the_hours_must_be_observed_unless_told(write_tar):
    path = write_tar({"set-a/1.txt": steady(24, HR=[70, NAN] * 11 + [NAN, NAN])})
    assert fetch_physionet2012(path, n_hours=24, min_hours=11).data.shape == (1, 24, 4)
    with pytest.raises(ValueError, match="min_hours=12"):
        fetch_physionet2012(path, n_hours=24)


def test_the_pressure_of_the_cuff_may_be_asked_for(write_tar):
    path = write_tar({"set-a/1.txt": steady(12, SysABP=[100] * 12)})
    arterial = fetch_physionet2012(path, pressure="arterial")
    np.testing.assert_array_equal(arterial.data[0, 0], [70, 100, 80, 93])
    cuff = fetch_physionet2012(path, pressure="cuff")
    np.testing.assert_array_equal(cuff.data[0, 0], [70, 120, 80, 93])


OUTCOMES = "RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death\n"


def test_the_target_is_death_in_hospital_by_record(write_tar, tmp_path):
    path = write_tar({f"set-a/{i}.txt": steady(12) for i in (3, 1, 2)})
    outcomes = tmp_path / "Outcomes-a.txt"
    outcomes.write_text(
        f"{OUTCOMES}2,6,1,5,-1,0\n3,6,1,5,2,1\n9,1,1,1,1,1\n1,-1,-1,5,9,0\n"
    )
    vitals = fetch_physionet2012(path, outcomes=outcomes)
    np.testing.assert_array_equal(vitals.groups, [1, 2, 3])
    np.testing.assert_array_equal(vitals.target, [0, 0, 1])
    assert "target" not in fetch_physionet2012(path)


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({}, (3835, 12, 4)),
        ({"n_hours": 24}, (3871, 24, 4)),
        ({"n_hours": 48}, (3880, 48, 4)),
        ({"pressure": "cuff"}, (1936, 12, 4)),
        ({"pressure": "cuff", "min_hours": 4}, (2194, 12, 4)),
    ],
)
def test_the_whole_set_has_the_documented_shapes(at_hand, options, shape):
    outcomes = at_hand("physionet2012/Outcomes-a.txt")
    archive = at_hand("physionet2012/set-a.tar.gz")
    vitals = fetch_physionet2012(archive, outcomes=outcomes, **options)
    assert vitals.data.shape == shape
    assert np.isfinite(vitals.data).all()
    assert len(vitals.target) == len(vitals.groups) == shape[0]
    assert sum(module._read_outcomes(outcomes).values()) == 554
    assert f"{shape[0]:,}" in fetch_physionet2012.__doc__


@pytest.fixture
def on_the_net(site, data_home, monkeypatch, write_tar):
    """Publish a set of two stays with its outcomes."""
    members = {"set-a/1.txt": steady(12), "set-a/2.txt": steady(12)}
    archive = site.publish("set-a.tar.gz", write_tar(members).read_bytes())
    table = site.publish("Outcomes-a.txt", f"{OUTCOMES}1,6,1,5,-1,0\n2,6,1,5,2,1\n")
    for name, url in [("_SET_A", archive), ("_OUTCOMES", table)]:
        source = dataclasses.replace(getattr(module, name), url=url)
        monkeypatch.setattr(module, name, source)
    monkeypatch.setattr(module, "_N_STAYS", 2)


def test_both_files_are_downloaded_once(on_the_net, site):
    for _ in range(2):
        vitals = fetch_physionet2012()
        np.testing.assert_array_equal(vitals.target, [0, 1])
    assert sorted(site.asked) == ["/Outcomes-a.txt", "/set-a.tar.gz"]


def test_half_a_set_on_the_net_is_refused(on_the_net, monkeypatch, data_home):
    monkeypatch.setattr(module, "_N_STAYS", 3)
    with pytest.raises(ValueError, match="3 stays, and the file has 2"):
        fetch_physionet2012()
    assert not [path for path in data_home.rglob("*") if path.is_file()]


# identity


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("convert", [str, lambda path: path])
def test_the_path_may_be_text_and_the_archive_unpacked(write_tar, mode, convert):
    path = write_tar({"./set-a/1.txt": steady(12)}, mode=mode)
    assert fetch_physionet2012(convert(path)).data.shape == (1, 12, 4)


@pytest.mark.parametrize(
    "name",
    [
        "set-a/../2.txt",
        "../set-a/2.txt",
        "/set-a/2.txt",
        "set-a/2.txt.exe",
        "set-a/two.txt",
        "set-b/2.txt",
        "set-a/deep/2.txt",
        "set-a/._2.txt",
        "set-a/٢.txt",
    ],
)
def test_members_of_other_names_are_ignored(write_tar, name):
    path = write_tar({"set-a/1.txt": steady(12), name: "not a stay"})
    np.testing.assert_array_equal(fetch_physionet2012(path).groups, [1])


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE]
)
def test_what_is_no_regular_file_is_ignored(write_tar, tmp_path, kind):
    secret = tmp_path / "secret.txt"
    secret.write_text(steady(12))
    path = write_tar({"set-a/1.txt": steady(12)}, mode="w")
    with tarfile.open(path, "a") as archive:
        member = tarfile.TarInfo("set-a/2.txt")
        member.type, member.linkname = kind, str(secret)
        archive.addfile(member)
    np.testing.assert_array_equal(fetch_physionet2012(path).groups, [1])


def test_reading_leaves_nothing_behind(write_tar, tmp_path):
    path = write_tar({"set-a/1.txt": steady(12)})
    fetch_physionet2012(path)
    assert list(tmp_path.iterdir()) == [path]


# refusals


def refusal(kind, path, **options):
    with pytest.raises(kind) as caught:
        fetch_physionet2012(path, **options)
    return str(caught.value)


def says_what_to_do(message, path):
    return URL in message and str(path) in message and "path must name" in message


@pytest.mark.parametrize("name", ["missing.tar.gz", ""])
def test_a_path_without_a_file_is_refused(tmp_path, name):
    path = tmp_path / name
    message = refusal(FileNotFoundError, path)
    assert says_what_to_do(message, path)
    assert "there is no file" in message


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("<html>Please log in</html>")
    message = refusal(ValueError, path)
    assert says_what_to_do(message, path)
    assert "no archive" in message


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_half_a_download_is_refused(write_tar, share):
    random = np.random.default_rng(0).bytes(2**16)  # does not compress
    path = write_tar({"set-a/1.txt": steady(12), "other": random})
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    message = refusal(ValueError, path)
    assert says_what_to_do(message, path)
    assert "damaged" in message


@pytest.mark.parametrize("place", [-8, 20, 100])  # -8: the checksum
def test_a_download_with_damage_is_refused(write_tar, place):
    path = write_tar({"set-a/1.txt": steady(12)})
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    assert says_what_to_do(refusal(ValueError, path), path)


@pytest.mark.parametrize("members", [{}, {"set-b/1.txt": steady(12)}])
def test_an_archive_without_stays_is_refused(write_tar, members):
    path = write_tar(members)
    message = refusal(ValueError, path)
    assert says_what_to_do(message, path)
    assert "without any set-a" in message


@pytest.mark.parametrize(
    "content",
    [
        "",
        "a,b\n1,2",
        f"{HEADER}\n00:00,HR",
        f"{HEADER}\n00:00,HR,fast",
        f"{HEADER}\nnoon,HR,70",
        b"\xff\xfe\x00",
    ],
)
def test_a_stay_of_another_form_is_refused(write_tar, content):
    path = write_tar({"set-a/17.txt": content})
    message = refusal(ValueError, path)
    assert says_what_to_do(message, path)
    assert "set-a/17.txt does not hold" in message


def test_a_stay_of_enormous_size_is_refused(write_tar):
    path = write_tar({"set-a/17.txt": steady(12) + "\n" * 2**20})
    message = refusal(ValueError, path)
    assert says_what_to_do(message, path)
    assert f"more than {2**20} bytes in set-a/17.txt" in message


def test_an_archive_of_which_no_stay_is_left_is_refused(write_tar):
    path = write_tar({"set-a/1.txt": steady(4)})
    assert "none of 1" in refusal(ValueError, path, min_hours=5)


@pytest.mark.parametrize("bad", [0, -1, 1.5, "2"])
@pytest.mark.parametrize("name", ["n_hours", "min_hours"])
def test_hours_that_are_no_count_are_refused_before_reading(name, bad):
    assert name in refusal((TypeError, ValueError), "nowhere", **{name: bad})


def test_more_hours_than_were_recorded_are_refused():
    message = refusal(ValueError, "nowhere", n_hours=49)
    assert "n_hours must not exceed the 48 hours" in message


def test_more_observed_hours_than_there_are_are_refused():
    message = refusal(ValueError, "nowhere", n_hours=5, min_hours=6)
    assert "min_hours must not exceed n_hours, got min_hours=6" in message


def test_an_unknown_pressure_is_refused():
    message = refusal(ValueError, "nowhere", pressure="venous")
    assert "pressure must be 'arterial' or 'cuff', got 'venous'" in message


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<html>",
        "RecordID,SOFA\n1,2\n",
        f"{OUTCOMES}1,6\n",
        f"{OUTCOMES}x,1,1,1,1,1",
    ],
)
def test_outcomes_of_another_form_are_refused(write_tar, tmp_path, content):
    outcomes = tmp_path / "other.txt"
    outcomes.write_text(content)
    path = write_tar({"set-a/1.txt": steady(12)})
    message = refusal(ValueError, path, outcomes=outcomes)
    assert "outcomes must" in message
    assert "1.0.0/Outcomes-a.txt" in message


def test_outcomes_that_are_missing_are_refused(write_tar, tmp_path):
    path = write_tar({"set-a/1.txt": steady(12)})
    message = refusal(FileNotFoundError, path, outcomes=tmp_path / "none.txt")
    assert "outcomes must name a file" in message
