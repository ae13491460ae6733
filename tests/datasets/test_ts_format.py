import gzip

import numpy as np
import pytest

from tsgen.datasets import read_ts

TWO = """\
# Two series of three steps
#of two channels.

@problemName Toy
@timeStamps false
@univariate false
@dimensions 2
@equalLength true
@seriesLength 3
@classLabel true up down
@data
1,2,3:4,5,6:up
# a comment between
-1e-1,.5, 7 :8,9,0: down
"""


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file."""

    def write(content):
        path = tmp_path / "toy.ts"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize("change", [str, lambda text: text.replace("\n", "\r\n")])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_channels_become_the_last_axis(write, change, pack):
    toy = read_ts(write(pack(change(TWO).encode())))
    np.testing.assert_array_equal(
        toy.data, [[[1, 4], [2, 5], [3, 6]], [[-0.1, 8], [0.5, 9], [7, 0]]]
    )
    np.testing.assert_array_equal(toy.target, ["up", "down"])
    assert toy.channel_names == ["channel_0", "channel_1"]
    assert toy.DESCR == "Two series of three steps\nof two channels."


def test_series_of_different_lengths_become_a_list(write):
    toy = read_ts(write("@classLabel true a\n@data\n1,2:3,4:a\n5:6:a\n"))
    assert [series.shape for series in toy.data] == [(2, 2), (1, 2)]
    np.testing.assert_array_equal(toy.data[0], [[1, 3], [2, 4]])


def test_series_may_have_no_label(write):
    for header in ("@classLabel false\n", ""):
        toy = read_ts(write(f"{header}@DATA\n1,2\n3,4\n"))
        np.testing.assert_array_equal(toy.data[:, :, 0], [[1, 2], [3, 4]])
        assert "target" not in toy


def test_a_target_may_be_a_number(write):
    toy = read_ts(write("@targetlabel true\n@data\n1,2:0.5\n3,4:7\n"))
    np.testing.assert_array_equal(toy.target, [0.5, 7])


def test_a_target_that_is_no_number_is_refused_with_its_line(write):
    with pytest.raises(ValueError, match=r"line 4: .*'\?'"):
        read_ts(write("@targetlabel true\n@data\n1,2:0.5\n3,4:?\n"))


def test_a_missing_value_is_nan(write):
    toy = read_ts(write("@missing true\n@classLabel true a\n@data\n1, ?,3:a\n"))
    np.testing.assert_array_equal(toy.data[0, :, 0], [1, np.nan, 3])


@pytest.mark.parametrize(
    ("name", "n_train", "n_test", "shape", "n_classes"),
    [
        ("GunPoint", 50, 150, (150, 1), 2),
        ("ItalyPowerDemand", 67, 1029, (24, 1), 2),
    ],
)
def test_sets_of_the_archive_have_the_published_shapes(
    at_hand, name, n_train, n_test, shape, n_classes
):
    for part, n_series in (("TRAIN", n_train), ("TEST", n_test)):
        found = read_ts(at_hand(f"ucr/{name}/{name}_{part}.ts"))
        assert found.data.shape == (n_series, *shape)
        assert len(set(found.target)) == n_classes
        assert abs(found.data.mean()) < 1e-3  # of z-scored series


def test_a_set_of_unequal_lengths_has_the_published_shapes(at_hand):
    for part, n_series, longest in (("TRAIN", 270, 26), ("TEST", 370, 29)):
        found = read_ts(at_hand(f"ucr/JapaneseVowels/JapaneseVowels_{part}.ts"))
        lengths = [len(series) for series in found.data]
        assert (len(found.data), min(lengths), max(lengths)) == (n_series, 7, longest)
        assert {series.shape[1] for series in found.data} == {12}
        assert set(found.target) == set("123456789")


# refusals


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no line @data"),
        ("@data\n", "no series after @data"),
        ("<html>\n@data\n1\n", "line 1 stands before @data"),
        (TWO.replace("3:4", "x:4"), "line 12: could not convert string"),
        (TWO.replace("3:4,5", "3:4"), r"line 12 has channels of different lengths"),
        (TWO.replace("8,9,0: down", "down"), "line 14 has 1 channels, and the first"),
        (TWO.replace("1,2,3:4,5,6:up", "up"), "line 12 .* no value"),
        (TWO.replace("2,3:", "2,:"), "line 12: could not convert string"),
        (TWO.replace("@timeStamps false", "@timeStamps true"), "time stamps"),
        (b"\xff\xfe\x00", "decode"),
        (gzip.compress(TWO.encode())[:-9], "ended before"),
    ],
)
def test_a_file_of_another_form_is_refused_with_the_line(write, content, words):
    with pytest.raises(
        ValueError, match=rf"path must name a \.ts file.*toy\.ts.*{words}"
    ):
        read_ts(write(content))


def test_a_path_without_a_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="timeseriesclassification"):
        read_ts(tmp_path / "none.ts")
