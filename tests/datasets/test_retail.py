import dataclasses
import gzip
import io
import zipfile

import numpy as np
import pandas as pd
import pytest

from tsgen.datasets import fetch_retail
from tsgen.datasets import retail as module

HEADER = (
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
)


def line(day, code, quantity=2, price=1.5, invoice=None, hour=9, customer="17850.0"):
    """One invoice line; the invoice is numbered by its day unless told."""
    number = invoice or f"5363{day:02d}"
    when = f"2010-12-{day:02d} {hour:02d}:26:00"
    return f'{number},{code},"A, B",{quantity},{when},{price},{customer},France'


SALES = [
    line(1, "85123A"),
    line(1, "85123A", quantity=3, price=2, invoice="999999"),
    line(1, "71053"),
    line(2, "85123A", customer=""),
    line(3, "71053"),
    line(4, "85123A", hour=19),
]
NO_SALES = [
    line(1, "85123A", invoice="C536379", quantity=-1),
    line(1, "85123A", invoice="A563185"),
    line(1, "85123A", quantity=-1),
    line(1, "85123A", quantity=0),
    line(1, "85123A", price=0),
    line(1, "85123A", price=-11062.06),
]


def text(rows):
    return "\n".join([HEADER, *rows, ""])


def workbook(rows):
    """Bytes of an Excel file, with numbers, texts and dates as cells."""
    frame = pd.read_csv(io.StringIO(text(rows)), parse_dates=["InvoiceDate"])
    for name in ("InvoiceNo", "StockCode"):  # integers where they look like it
        frame[name] = [
            int(v) if str(v).isdigit() else v for v in frame[name].astype(object)
        ]
    buffer = io.BytesIO()
    frame.to_excel(buffer, sheet_name="Online Retail", index=False)
    return buffer.getvalue()


def archive(content, name="Online Retail.xlsx"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr(name, content)
    return buffer.getvalue()


FORMS = {
    "csv": lambda rows: text(rows).encode(),
    "gzip": lambda rows: gzip.compress(text(rows).encode()),
    "xlsx": workbook,
    "zip": lambda rows: archive(workbook(rows)),
}


@pytest.fixture
def write(tmp_path):
    """Return a function that writes invoice lines in one of the forms."""

    def write(rows, form="csv"):
        path = tmp_path / "retail"
        path.write_bytes(FORMS[form](rows))
        return path

    return write


# closed form


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("others", [[], NO_SALES], ids=["sales", "others too"])
def test_products_become_windows_of_trading_days(write, form, others):
    retail = fetch_retail(
        write([*SALES, *others], form), n_products=2, n_days=2, log=False
    )
    np.testing.assert_array_equal(retail.groups, ["85123A", "85123A", "71053", "71053"])
    days = ["2010-12-01", "2010-12-03"] * 2
    np.testing.assert_array_equal(retail.dates, np.array(days, "datetime64[D]"))
    assert retail.dates.dtype == "datetime64[D]"
    np.testing.assert_array_equal(
        retail.data,
        [
            [[5, 9, 2], [2, 3, 1]],
            [[0, 0, 0], [2, 3, 1]],
            [[2, 3, 1], [0, 0, 0]],
            [[2, 3, 1], [0, 0, 0]],
        ],
    )
    assert retail.channel_names == ["quantity", "revenue", "invoices"]


@pytest.mark.parametrize("form", FORMS)
def test_the_shop_becomes_hours_of_trading_days(write, form):
    rows = [*SALES, line(1, "71053", hour=7), line(1, "71053", hour=20)]
    shop = fetch_retail(write(rows, form), by="shop", log=False)
    assert shop.data.shape == (4, 12, 5)
    np.testing.assert_array_equal(shop.data[0, 1], [7, 12, 2, 1, 2])
    np.testing.assert_array_equal(shop.data[1, 1], [2, 3, 1, 0, 1])  # no customer
    np.testing.assert_array_equal(shop.data[3, 11], [2, 3, 1, 1, 1])
    assert np.count_nonzero(shop.data[:, :, 0]) == 4
    assert shop.groups[0] == "2010-12-01"
    assert shop.channel_names[3:] == ["customers", "products"]


def test_the_logarithm_is_of_one_more(write):
    path = write(SALES)
    options = {"n_products": 2, "n_days": 2}
    plain = fetch_retail(path, log=False, **options).data
    np.testing.assert_allclose(fetch_retail(path, **options).data, np.log1p(plain))


def test_postage_is_no_product(write):
    rows = [*SALES, *[line(1, "POST")] * 9]
    retail = fetch_retail(write(rows), n_products=1, n_days=1)
    assert set(retail.groups) == {"85123A"}


def test_days_after_the_last_window_are_not_used(write):
    assert fetch_retail(write(SALES), n_products=1, n_days=3).data.shape == (1, 3, 3)


@pytest.mark.parametrize(
    ("by", "shape"), [("product", (3600, 24, 3)), ("shop", (305, 12, 5))]
)
def test_the_whole_set_has_the_documented_shapes(at_hand, by, shape):
    path = at_hand("retail/online_retail.csv.gz")
    retail = fetch_retail(path, by=by)
    assert retail.data.shape == shape
    assert len(retail.groups) == len(retail.dates) == shape[0]
    if by == "product":
        assert (retail.data[:, :, 0] == 0).mean() == pytest.approx(0.28, abs=0.005)
        assert len(np.unique(retail.groups)) == 300


def test_the_whole_set_has_the_documented_lines(at_hand):
    lines = module._read(at_hand("retail/online_retail.csv.gz"))
    sales = module._choose_sales(lines)
    assert (len(lines), len(sales)) == (541909, 530103)
    assert sales["day"].nunique() == 305
    assert (~sales["hour"].between(8, 19)).sum() == 1182
    for number in ("541,909", "530,103", "305", "1,182"):
        assert number in module._DESCRIPTION


def test_an_excel_file_of_the_publisher_is_read_like_the_csv(at_hand):
    sheet = module._read(at_hand("retail/online_retail_first2000.xlsx"))
    table = module._read(at_hand("retail/online_retail.csv.gz"))[:2000]
    pd.testing.assert_frame_equal(sheet, table, check_dtype=False)


def test_the_archive_is_downloaded_once(site, data_home, monkeypatch):
    url = site.publish("online_retail.zip", FORMS["zip"](SALES))
    monkeypatch.setattr(module, "_ZIP", dataclasses.replace(module._ZIP, url=url))
    for _ in range(2):
        assert fetch_retail(by="shop").data.shape == (4, 12, 5)
    assert site.asked == ["/online_retail.zip"]


# refusals


@pytest.mark.parametrize(
    "answer",
    [b"<html>", FORMS["zip"](SALES)[:-50], archive(b"", "other.xlsx")],
    ids=["page", "broken off", "other"],
)
def test_another_answer_is_refused_and_not_kept(site, data_home, monkeypatch, answer):
    url = site.publish("online_retail.zip", answer)
    monkeypatch.setattr(module, "_ZIP", dataclasses.replace(module._ZIP, url=url))
    with pytest.raises(ValueError, match=r"online_retail\.zip could not be downloaded"):
        fetch_retail()
    assert not [path for path in data_home.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a,b\n1,2\n",
        b"\xff\xfe\x00",
        text([*SALES, line(1, "1", quantity="many")]).encode(),
        text(SALES).replace("2010-12-02 09:26:00", "noon").encode(),
        gzip.compress(text(SALES).encode(), mtime=0)[:-9],
        archive(b"", "other.txt"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, content):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"path must name the Online Retail .*352/"):
        fetch_retail(path)


def test_more_products_than_there_are_are_refused(write):
    with pytest.raises(ValueError, match="the 2 products of the shop, got n_prod"):
        fetch_retail(write(SALES), n_products=3, n_days=1)


def test_more_days_than_there_are_are_refused(write):
    with pytest.raises(ValueError, match="the 4 trading days, got n_days=5"):
        fetch_retail(write(SALES), n_products=1, n_days=5)


@pytest.mark.parametrize("bad", [0, 1.5, "2", None])
@pytest.mark.parametrize("name", ["n_products", "n_days"])
def test_a_count_that_is_none_is_refused(name, bad):
    with pytest.raises((TypeError, ValueError), match=name):
        fetch_retail("nowhere", **{name: bad})


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="by must be 'product' or 'shop', got 'day'"):
        fetch_retail("nowhere", by="day")


@pytest.mark.parametrize("words", ["CC BY 4.0", "Chen, D.", "10.24432/C5BW33"])
def test_the_description_names_source_and_licence(words):
    assert words in module._DESCRIPTION
