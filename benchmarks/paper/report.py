"""The paper's tables in Markdown, from the rows of paper.csv.

``python benchmarks/paper/report.py`` prints them; ``--write benchmarks/README.md`` puts
those of the samples there, between ``<!-- paper: start -->`` and
``<!-- paper: end -->``.
``--figures FOLDER`` saves a picture of each data set and backbone.
``--mode quick`` takes the rows of quick runs; the two are never mixed.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.paper import generators
from benchmarks.paper.sets import SETS
from benchmarks.paper.units import (
    DECODINGS,
    DEPENDENCIES,
    METRICS,
    NO_PART,
    SAMPLES,
)
from benchmarks.report import read_rows
from tsgen.comparison.result import Comparison, _figure
from tsgen.comparison.runs import DUMMIES

RESULTS = "paper.csv"
START, END = "<!-- paper: start -->", "<!-- paper: end -->"
ORDER = (*generators.REFERENCES, *generators.ALL)

METHODS = (*generators.REFERENCES, *generators.METHODS)
PAPERS = (*generators.REFERENCES, *generators.PAPERS)

Rows = list[dict[str, str]]
Column = tuple[str, str, str]  # heading, metric, part

DISTANCES: tuple[Column, ...] = (
    ("sliced Wasserstein", "sliced_wasserstein_distance", SAMPLES),
    ("exact Wasserstein", "wasserstein_distance", SAMPLES),
    ("MMD²", "mmd", SAMPLES),
    ("discriminative score", "discriminative_score", SAMPLES),
    ("classifier", "classifier_two_sample_test", SAMPLES),
    ("spread", "spread_ratio", SAMPLES),
)
DECODER: tuple[Column, ...] = tuple(
    (heading, metric, DECODINGS)
    for heading, metric, _ in DISTANCES
    if metric != "discriminative_score"
)
OTHERS: tuple[Column, ...] = (
    ("nearer to training", "share_nearer_train", SAMPLES),
    *((f"m, {name.split('_')[-1]} step", name, NO_PART) for name in DEPENDENCIES),
    ("fit, CPU s", "fit_cpu_seconds", NO_PART),
    ("sample, CPU s", "sample_cpu_seconds", NO_PART),
)
EXCESSES = (*DISTANCES[:4], *((f"decoded, {h}", m, p) for h, m, p in DECODER[:3]))
TITLES = {
    "Samples": DISTANCES,
    "Decoded held-out series": DECODER,
    "Memorisation, dependency, time": OTHERS,
}
NOTE_ON_SAMPLES = (
    "Mean ± half of the 95 % interval over seeds (Student's t); in brackets how far "
    "the mean is from the floor, real series in the place of synthetic ones. The "
    "classifier is right at 0.5, the spread at 1; lower is better otherwise."
)
NOTE_ON_OTHERS = (
    "The share nearer to training is 0.5 if nothing is memorised and the split is "
    "random; where blocks of time are held out, read it beside that of the Gaussian, "
    "which keeps no series. m is the mean share of a step that comes from the latent."
)


def tables(rows: Rows, *, of_samples_only: bool = False) -> str:
    """Lay out all data sets, each with its tables and the ratios of the paper."""
    if of_samples_only:
        parts, sections_of = [NOTE_ON_SAMPLES], samples_section
    else:
        parts, sections_of = [f"{NOTE_ON_SAMPLES} {NOTE_ON_OTHERS}"], sections
    for data in SETS:
        own = [row for row in rows if row["data"] == data]
        if own:
            parts += [f"### {data}", *sections_of(own)]
    return "\n\n".join(parts)


def n_seeds(rows: Rows) -> int:
    """Count the seeds that have any row."""
    return len({row["seed"] for row in rows})


def samples_section(rows: Rows) -> Iterator[str]:
    """Lay out the samples of one data set."""
    yield table(keep(rows, (*METHODS, *generators.PAPERS)), DISTANCES)
    yield from ratio_section(rows, *generators.PAPERS[:2])


def sections(rows: Rows) -> Iterator[str]:
    """Lay out one data set."""
    main, printed = keep(rows, METHODS), keep(rows, PAPERS)
    yield from main_section(main, generators.METHODS)
    if has_any(printed, generators.PAPERS):
        yield "With the likelihood of the paper, one normal, and its form:"
        yield from main_section(printed, generators.PAPERS)


def main_section(rows: Rows, names: tuple[str, ...]) -> Iterator[str]:
    """Lay out a table of the paper, and the ratio of its two first generators."""
    for title, columns in TITLES.items():
        yield f"{title}:"
        yield table(rows, columns)
    yield from ratio_section(rows, *names[:2])


def ratio_section(rows: Rows, first: str, second: str) -> Iterator[str]:
    """Lay out the ratio of two generators, if both have rows."""
    found = list(ratios(rows, first, second))
    if found:
        yield f"{first} / {second}, ratio of what exceeds the floor:"
        yield markdown(["backbone", *(heading for heading, _, _ in EXCESSES)], found)


def has_any(rows: Rows, names: tuple[str, ...]) -> bool:
    """Tell whether any of these generators has a row."""
    return any(row["generator"] in names for row in rows)


def keep(rows: Rows, names: tuple[str, ...]) -> Rows:
    """Return the rows of some generators."""
    return [row for row in rows if row["generator"] in names]


def table(rows: Rows, columns: tuple[Column, ...]) -> str:
    """Lay out the figures of every generator and backbone that has some."""
    lines = []
    for name, backbone in generators_of(rows):
        own = chosen(rows, generator=name, backbone=backbone)
        cells = [cell(own, metric, part) for _, metric, part in columns]
        if any(cells):
            lines.append([name, backbone, str(n_seeds(own)), *cells])
    headings = (heading for heading, _, _ in columns)
    return markdown(["", "backbone", "seeds", *headings], lines)


def generators_of(rows: Rows) -> list[tuple[str, str]]:
    """List generators with their backbones, in the order of the tables."""
    found = {(row["generator"], row["backbone"]) for row in rows}
    return sorted(found, key=lambda pair: (pair[1], ORDER.index(pair[0])))


def chosen(rows: Rows, **keys: str) -> Rows:
    """Return the rows whose columns have these values."""
    return [row for row in rows if all(row[k] == v for k, v in keys.items())]


def cell(rows: Rows, metric: str, part: str) -> str:
    """Write mean and interval, and what exceeds the floor; empty without rows."""
    own = chosen(rows, metric=metric, part=part)
    if not own:
        return ""
    text = _figure(np.array([float(row["value"]) for row in own]))
    difference = excess(own, metric, part)
    if own[0]["generator"] == generators.FLOOR or np.isnan(difference):
        return text
    return f"{text} ({difference:+.3g})"


def excess(rows: Rows, metric: str, part: str) -> float:
    """Mean difference from the floor of the same seed; NaN where there is none."""
    own = chosen(rows, metric=metric, part=part)
    pairs = [(float(r["value"]), float(r["floor"])) for r in own if r["floor"]]
    return float(np.mean([a - b for a, b in pairs])) if pairs else np.nan


def ratios(rows: Rows, *names: str) -> Iterator[list[str]]:
    """Compare two generators on each backbone, over shared seeds."""
    for backbone in generators.BACKBONES:
        both = [chosen(rows, generator=name, backbone=backbone) for name in names]
        seeds = {r["seed"] for r in both[0]} & {r["seed"] for r in both[1]}
        if seeds:
            shared = [[row for row in own if row["seed"] in seeds] for own in both]
            yield [backbone, *(ratio(*shared, m, part) for _, m, part in EXCESSES)]


def ratio(stable: Rows, plain: Rows, metric: str, part: str) -> str:
    """Divide what exceeds the floor, where both do."""
    above, below = (excess(rows, metric, part) for rows in (stable, plain))
    if np.isnan([above, below]).any():
        return ""
    if below <= 0:
        return "plain at the floor"
    return f"{above / below:.2f}" if above > 0 else "at the floor"


def markdown(header: list[str], lines: list[list[str]]) -> str:
    """Lay out a table."""
    rule = ["---"] * len(header)
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *lines))


def save_figures(rows: Rows, folder: Path) -> None:
    """Draw the scores of the samples, a picture for each data set and backbone."""
    from matplotlib import pyplot

    for data in SETS:
        own = chosen(rows, data=data)
        for backbone in generators.BACKBONES:
            if chosen(own, backbone=backbone):
                (first, *_) = comparison(own, backbone).plot()
                first.figure.savefig(folder / f"{data}_{backbone}.png")
                pyplot.close(first.figure)


def comparison(rows: Rows, backbone: str) -> Comparison:
    """Gather the samples of one backbone, and of what has none, for a picture."""
    runs: dict[tuple[str, str], dict[str, float]] = defaultdict(
        lambda: dict.fromkeys(METRICS, np.nan)
    )
    for row in keep(chosen(rows, part=SAMPLES), METHODS):
        if row["backbone"] in ("", backbone) and row["metric"] in METRICS:
            runs[row["generator"], row["seed"]][row["metric"]] = float(row["value"])
    found = {name for name, _ in runs}
    return Comparison(
        generators=[name for name in (*generators.METHODS, *DUMMIES) if name in found],
        dummies=tuple(name for name in DUMMIES if name in found),
        best={name: metric.best for name, metric in METRICS.items()},
        runs=[{"generator": name, **run} for (name, _), run in runs.items()],
    )


def replaced(document: str, text: str) -> str:
    """Put a text between the two marks of a document."""
    if document.count(START) != 1 or document.count(END) != 1:
        raise ValueError(f"The document must hold {START} and {END}, each once.")
    before, after = document.split(START)[0], document.split(END)[1]
    return f"{before}{START}\n\n{text}\n\n{END}{after}"


def main() -> None:
    """Print the tables, or write them into a document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mode", choices=("quick", "full"), default="full")
    parser.add_argument("--write", metavar="FILE", type=Path)
    parser.add_argument("--figures", metavar="FOLDER", type=Path)
    options = parser.parse_args()
    rows = chosen(read_rows(RESULTS), mode=options.mode)
    if options.figures is not None:
        save_figures(rows, options.figures)
    if options.write is None:
        print(tables(rows))
    else:
        text = tables(rows, of_samples_only=True)
        document = replaced(options.write.read_text(), text)
        options.write.write_text(document)


if __name__ == "__main__":
    main()
