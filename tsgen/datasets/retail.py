"""Retail: what an online shop sold, from an Excel or CSV file."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.utils import Bunch

from tsgen._validation import check_count
from tsgen.datasets._fetching import PathLike, Source, find_file
from tsgen.datasets._files import DAMAGE, is_gzip, optional

__all__ = ["fetch_retail"]

_TEXTS = ["InvoiceNo", "StockCode"]
_COLUMNS = [*_TEXTS, "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"]
_SHEET = "Online Retail.xlsx"
_FIRST_HOUR, _LAST_HOUR = 8, 19

_DESCRIPTION = """\
Online Retail
=============

All 541,909 invoice lines of a British online shop for gifts, from 2010-12-01 to
2011-12-09, on 305 trading days. Cancellations, adjustments of bad debt and lines whose
quantity or price is 0 or less are left out: 530,103 lines stay.

By product, one time step a trading day; by shop, one time step an hour of those
from 8 to 19, in which all but 1,182 lines fall, one series a trading day:

quantity   pieces sold
revenue    their price, pounds sterling
invoices   number of invoices
customers  by shop only: number of customers who gave their number
products   by shop only: number of different products

Products are those with most lines; codes of letters alone, which are postage and fees,
are none. Where nothing was sold all channels are 0. The shop is closed on Saturdays and
over Christmas, so that trading days are not equally spaced.

`groups` holds the product of each series, or its trading day; `dates` the first trading
day of each series. Windows of different products are of the same days and share their
seasons.

Source: Chen, D. (2012). Online Retail. UCI Machine Learning Repository, id 352.
https://doi.org/10.24432/C5BW33
Licence: Creative Commons Attribution 4.0 International (CC BY 4.0). Not shipped with
this package.
"""


def fetch_retail(
    path: PathLike | None = None,
    *,
    by: Literal["product", "shop"] = "product",
    n_products: int = 300,
    n_days: int = 24,
    log: bool = True,
    data_home: PathLike | None = None,
    download_if_missing: bool = True,
) -> Bunch:
    """Fetch the Retail data: daily sales of products, or hourly ones of the shop.

    Parameters
    ----------
    path : str, path-like or None, default=None
        The file at hand, then nothing is downloaded: `Online Retail.xlsx`, the zip
        archive with it, or a CSV file with its columns, plain or gzipped.
    by : {"product", "shop"}, default="product"
        "product": the sales of each product, cut into windows of `n_days` trading
        days side by side. "shop": the sales of the shop by the hour, one series a
        trading day.
    n_products : int, default=300
        Products with most invoice lines; only by product.
    n_days : int, default=24
        Trading days of a series; only by product. Days after the last full window are
        not used.
    log : bool, default=True
        Whether every value x becomes log(1 + x).
    data_home : str, path-like or None, default=None
        Folder of downloads. None takes that of the environment variable
        `TSGEN_DATA`, or else the user's cache folder.
    download_if_missing : bool, default=True
        With False, an error is raised instead of a download.

    Returns
    -------
    sklearn.utils.Bunch
        `data` : ndarray of shape (n_products * n_windows, n_days, 3), float64, product
        by product; or of shape (n_trading_days, 12, 5).
        `groups` : ndarray of shape (n_series,), str, the product of each series, or
        its trading day.
        `dates` : ndarray of shape (n_series,), datetime64[D], the first trading day of
        each series.
        `channel_names` : list of str: `quantity`, `revenue`, `invoices`, and by shop
        `customers`, `products`.
        `DESCR` : str with source, licence and notes.

    Raises
    ------
    FileNotFoundError
        If there is no file at `path`, or none and it may not be downloaded.
    OSError
        If the download fails.
    ValueError
        If the file is another one, or an option is out of range.
    TypeError
        If a count is not an integer.
    ImportError
        If pandas, openpyxl for an Excel file, or pooch for a download is missing.

    Notes
    -----
    (3600, 24, 3) by product and (305, 12, 5) by shop. With 300 products 28 % of
    the steps are without a sale. A CSV copy is read
    much faster than the Excel file.

    Nothing is scaled but for the logarithm; generators scale by themselves. Split by
    `groups`, e.g. with `sklearn.model_selection.GroupShuffleSplit`, to test on
    products that were not seen, or by `dates` to test on another season.

    The digest of the publisher's file is not known here: a download is checked to be
    a whole archive with the sheet.

    References
    ----------
    .. [1] Chen, D. (2012). Online Retail. UCI Machine Learning Repository.
       https://doi.org/10.24432/C5BW33. CC BY 4.0.

    Examples
    --------
    >>> from tsgen.datasets import fetch_retail
    >>> fetch_retail().data.shape  # doctest: +SKIP
    (3600, 24, 3)
    """
    n_products = check_count(n_products, "n_products", minimum=1)
    n_days = check_count(n_days, "n_days", minimum=1)
    if by not in ("product", "shop"):
        raise ValueError(f"by must be 'product' or 'shop', got {by!r}.")
    sales = _choose_sales(_read(find_file(_ZIP, path, data_home, download_if_missing)))
    days = np.unique(sales["day"].to_numpy()).astype("datetime64[s]")
    names = ["quantity", "revenue", "invoices"]
    if by == "product":
        data, groups, dates = _cut_products(sales, days, n_products, n_days)
    else:
        data, dates = _count_hours(sales, days), days
        groups = days.astype("datetime64[D]").astype(str)
        names += ["customers", "products"]
    return Bunch(
        data=np.log1p(data) if log else data,
        groups=groups,
        dates=dates.astype("datetime64[D]"),
        channel_names=names,
        DESCR=_DESCRIPTION,
    )


def _cut_products(
    sales: Any, days: np.ndarray, n_products: int, n_days: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows of the daily sales of products, with product and first day of each."""
    products = _find_products(sales, n_products)
    n_windows = len(days) // n_days
    if n_windows == 0:
        raise ValueError(
            f"n_days must not exceed the {len(days)} trading days, got "
            f"n_days={n_days}. Use shorter series."
        )
    daily = _sum_sales(sales, ["StockCode", "day"], [products, days])
    data = daily[:, : n_windows * n_days].reshape(-1, n_days, 3)
    starts = days[: n_windows * n_days : n_days]
    return data, np.repeat(products, n_windows), np.tile(starts, len(products))


def _find_products(sales: Any, n_products: int) -> np.ndarray:
    """Products with most lines, most first; the smaller code first among equals."""
    codes, counts = np.unique(
        sales["StockCode"].to_numpy(dtype=str), return_counts=True
    )
    goods = ~np.char.isalpha(codes)
    if n_products > goods.sum():
        raise ValueError(
            f"n_products must not exceed the {goods.sum()} products of the shop, got "
            f"n_products={n_products}. Ask for fewer."
        )
    return codes[goods][np.argsort(-counts[goods], kind="stable")[:n_products]]


def _count_hours(sales: Any, days: np.ndarray) -> np.ndarray:
    """Hourly sales of the shop on every trading day: (n_days, 12, 5)."""
    keys = ["day", "hour"]
    values = [days, np.arange(_FIRST_HOUR, _LAST_HOUR + 1)]
    others = sales.groupby(keys)[["CustomerID", "StockCode"]].nunique()
    totals = _sum_sales(sales, keys, values)
    return np.concatenate([totals, _spread(others, values)], axis=-1)


def _sum_sales(sales: Any, keys: list[str], values: list[np.ndarray]) -> np.ndarray:
    """Quantity, revenue and invoices of every pair of keys: (n, m, 3)."""
    groups = sales.groupby(keys)
    totals = groups[["Quantity", "revenue"]].sum()
    totals["invoices"] = groups["InvoiceNo"].nunique()
    return _spread(totals, values)


def _spread(table: Any, values: list[np.ndarray]) -> np.ndarray:
    """Rows of all pairs of the values, 0 where the table has none: (n, m, columns)."""
    pairs = optional("pandas").MultiIndex.from_product(values)
    rows = table.reindex(pairs, fill_value=0).to_numpy(dtype=float)
    return rows.reshape(len(values[0]), len(values[1]), -1)


def _choose_sales(lines: Any) -> Any:
    """Invoice lines that are sales, with day, hour and revenue."""
    cancelled = lines["InvoiceNo"].str.startswith(("C", "A"), na=True)
    positive = (lines["Quantity"] > 0) & (lines["UnitPrice"] > 0)
    sales = lines[~cancelled & positive]
    dates = sales["InvoiceDate"].to_numpy(dtype="datetime64[h]")
    return sales.assign(
        day=dates.astype("datetime64[D]").astype("datetime64[s]"),
        hour=dates.astype(int) % 24,
        revenue=sales["Quantity"] * sales["UnitPrice"],
    )


def _read(path: Path) -> Any:
    """Read the columns of all invoice lines, codes as text and dates as dates."""
    pandas = optional("pandas")
    try:
        lines = _read_lines(path, pandas)
        lines["InvoiceDate"] = pandas.to_datetime(lines["InvoiceDate"])
        lines[_TEXTS] = lines[_TEXTS].astype(str)
        return lines.astype({"Quantity": float, "UnitPrice": float})
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile, *DAMAGE) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            "path must name the Online Retail data as .xlsx, .zip or .csv, with the "
            f"columns {', '.join(_COLUMNS)}, got {str(path)!r}: {reason}. Download "
            f"{_ZIP.url} and pass that file."
        ) from error


def _read_lines(path: Path, pandas: Any) -> Any:
    if not zipfile.is_zipfile(path):
        packing = "gzip" if is_gzip(path) else None
        return pandas.read_csv(
            path,
            usecols=_COLUMNS,
            dtype=dict.fromkeys(_TEXTS, str),
            compression=packing,
        )
    with zipfile.ZipFile(path) as archive:
        inside = _SHEET in archive.namelist()
        file = archive.open(_SHEET) if inside else path.open("rb")
        with file:
            optional("openpyxl")
            return pandas.read_excel(
                file, usecols=_COLUMNS, dtype=dict.fromkeys(_TEXTS, str)
            )


def _check_zip(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        raise ValueError("the file is no zip archive, or not whole.")
    with zipfile.ZipFile(path) as archive:
        if archive.testzip() or _SHEET not in archive.namelist():
            raise ValueError(f"the archive is damaged or lacks {_SHEET}.")


_ZIP = Source(
    url="https://archive.ics.uci.edu/static/public/352/online+retail.zip",
    name="online_retail.zip",
    check=_check_zip,
)
