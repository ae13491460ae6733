import dataclasses
import gzip

import numpy as np
import pytest

from tsgen.datasets import fetch_stocks
from tsgen.datasets import stocks as module

TEXT = "Open,High,Low,Close,Adj_Close,Volume\n1,2.5,0.5,2,2,44994500\n2,3,1,2,2,7\n"


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_the_rows_of_the_file_are_the_data(tmp_path, pack):
    path = tmp_path / "stock_data.csv"
    path.write_bytes(pack(TEXT.encode()))
    stocks = fetch_stocks(path)
    np.testing.assert_array_equal(
        stocks.data, [[1, 2.5, 0.5, 2, 2, 44994500], [2, 3, 1, 2, 2, 7]]
    )
    assert stocks.channel_names == TEXT.splitlines()[0].split(",")


def test_the_whole_file_has_the_known_digest_and_shape(site, data_home, at_hand):
    content = at_hand("stocks/stock_data.csv").read_bytes()
    url = site.publish("stock_data.csv", content)
    known = dataclasses.replace(module._SOURCE, url=url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SOURCE", known)
        stocks = fetch_stocks()
    assert stocks.data.shape == (3685, 6)
    assert np.isfinite(stocks.data).all()
    np.testing.assert_array_equal(stocks.data[:, 3], stocks.data[:, 4])
    assert "`Close` and `Adj_Close` are equal" in stocks.DESCR
    assert (data_home / "stock_data.csv").read_bytes() == content


def test_another_file_on_the_net_is_refused(site, data_home, monkeypatch):
    url = site.publish("stock_data.csv", TEXT)
    monkeypatch.setattr(module, "_SOURCE", dataclasses.replace(module._SOURCE, url=url))
    with pytest.raises(ValueError, match=r"stock_data\.csv could not be downloaded"):
        fetch_stocks()


def test_a_missing_file_may_be_required_to_be_there(data_home):
    with pytest.raises(FileNotFoundError, match="TimeGAN/master/data/stock_data"):
        fetch_stocks(download_if_missing=False)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        TEXT.replace("High", "Height").encode(),
        TEXT.replace("2.5", "").encode(),
        TEXT.replace(",7", "").encode(),
        TEXT.splitlines()[0].encode(),
        gzip.compress(TEXT.encode(), mtime=0)[:-9],
        b"\xff\xfe\x00",
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, content):
    path = tmp_path / "other.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"path must name a CSV .*other\.csv"):
        fetch_stocks(path)


@pytest.mark.parametrize("words", ["Apache 2.0", "TimeGAN", "Yahoo Finance"])
def test_stocks_name_their_source_and_licence(words):
    assert words in module._DESCRIPTION
