"""Benchmarks of the dependency measure: its accuracy, its speed and its size.

``python benchmarks/dependency.py`` runs all, ``python benchmarks/dependency.py speed``
only those named. Each appends its rows to ``benchmarks/results/dependency.csv`` as they
come, with seed, versions and hardware. What is compared runs in turns in one process.
The oracle is captum (extra ``test``), looped over the steps of the series, all series
in one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from measure import SEED, Row, in_turns, peak_memory, ratio, run_benchmarks
from paper.generators import FORM_OF_THE_PAPER, PLAIN, STABLE
from torch import Tensor

RESULTS = "dependency.csv"
FIXED = float("inf")  # tolerance of a rule whose intervals are not halved


@cache
def trained(kind: str, backbone: str) -> tuple[Any, Tensor, Tensor]:
    """Fit the form of the paper to Energy; return decoder, latents and series."""
    from tsgen import LatentDiffusionGenerator, StablePosteriorGenerator
    from tsgen.datasets import load_energy, train_test_windows
    from tsgen.generators.inspecting import draw_latents

    make, form = {
        "stable": (StablePosteriorGenerator, FORM_OF_THE_PAPER[STABLE]),
        "plain": (LatentDiffusionGenerator, FORM_OF_THE_PAPER[PLAIN]),
    }[kind]
    X_train, X_test = train_test_windows(load_energy().data, 24, random_state=0)
    generator = make(
        backbone=backbone,
        max_iter=10 if backbone == "lstm" else 6,
        prior_max_iter=0,
        check_collapse=False,
        random_state=SEED,
        **form,
    ).fit(X_train)
    rows = np.random.default_rng(0).permutation(len(X_test))[:100]
    x = generator._scaled(X_test[rows])
    return generator.model_.decoder, draw_latents(generator, x, None, SEED).z, x


def measured(
    decoder: Any,
    z: Tensor,
    x: Tensor,
    n_nodes: int = 16,
    tol: float = 1e-3,
    max_order: int = 0,
) -> Any:
    """Measure with the engine, as `dependency_measure` does."""
    from tsgen.nn.dependency import gauss_legendre, measure

    rule = gauss_legendre(len(x), n_nodes)
    return measure(decoder, z, x, rule, max_order=max_order, tol=tol)


def captum_loop(decoder: Any, z: Tensor, x: Tensor, n_nodes: int) -> tuple[Any, Any]:
    """Integrate by captum, step by step: global dependency, and what its sum misses."""
    from captum.attr import IntegratedGradients

    from tsgen.nn.decoders import delayed

    prefix = delayed(x)
    difference = decoder(z, prefix) - decoder(0 * z, 0 * prefix)
    shares, errors = [], []
    for t in range(x.shape[1]):
        d = difference[:, t]

        def gain(z: Tensor, prefix: Tensor, t: int = t, d: Tensor = d) -> Tensor:
            h = decoder(z, prefix)[:, t]
            return (h * d.repeat(len(h) // len(d), 1)).sum(-1)

        along_z, along_x = IntegratedGradients(gain).attribute(
            (z, prefix), n_steps=n_nodes, method="gausslegendre"
        )
        share = along_z.sum(-1) / d.square().sum(-1)
        rest = along_x.sum((1, 2)) / d.square().sum(-1)
        shares.append(share)
        errors.append((share + rest - 1).abs())
    return torch.stack(shares, 1), torch.stack(errors, 1)


def relative(mine: Tensor, theirs: Tensor) -> float:
    """Length of the difference over the length of the reference."""
    return float((mine - theirs).norm() / theirs.norm())


def completeness() -> Iterator[Row]:
    """How far shares are from summing to 1, in trained models."""
    for kind, backbone in (
        ("stable", "lstm"),
        ("plain", "lstm"),
        ("stable", "transformer"),
    ):
        decoder, z, x = trained(kind, backbone)
        model = f"{kind}, {backbone}"
        found = measured(decoder, z, x).completeness_error
        detail = f"{model}, Energy, 100 series, 95 % below {found.quantile(0.95):.1g}"
        yield Row(
            f"{model} 16",
            "completeness error, float32, 16 nodes",
            float(found.median()),
            "<= 1e-3",
            detail,
        )
        for n_nodes in (4, 8, 16, 32, 64):
            fixed = measured(decoder, z, x, n_nodes, FIXED).completeness_error
            yield Row(
                f"{model} fixed {n_nodes}",
                f"the same, fixed rule of {n_nodes} nodes",
                float(fixed.median()),
                "",
                f"{model}, 95 % below {fixed.quantile(0.95):.1g}",
            )
        double = decoder.double(), z.double(), x.double()
        found = measured(*double, tol=1e-7).completeness_error
        decoder.float()
        yield Row(
            f"{model} float64",
            "completeness error, float64, 16 nodes",
            float(found.median()),
            "<= 1e-6",
            f"{model}, tol=1e-7, 95 % below {found.quantile(0.95):.1g}",
        )


def oracles() -> Iterator[Row]:
    """Compare with captum, with differences, and with a decoder of known shares."""
    from tsgen.nn.decoders import delayed
    from tsgen.nn.dependency import measure, monte_carlo

    for backbone in ("lstm", "transformer"):
        decoder, z, x = trained("stable", backbone)
        decoder, z, x = decoder.double(), z[:10].double(), x[:10].double()
        mine = measured(decoder, z, x, tol=FIXED).global_
        theirs, _ = captum_loop(decoder, z, x, 16)
        yield Row(
            f"captum {backbone}",
            "difference from captum, relative",
            relative(mine, theirs),
            "<= 1e-4",
            f"stable, {backbone}, 10 series, equal nodes, float64",
        )
        s, step, prefix = 0.7, 1e-6, delayed(x)
        slope = decoder((s + step) * z, s * prefix) - decoder(
            (s - step) * z, s * prefix
        )
        difference = decoder(z, prefix) - decoder(0 * z, 0 * prefix)
        expected = (slope / (2 * step) * difference).sum(-1)
        expected = expected / difference.square().sum(-1)
        rule = monte_carlo(torch.full((len(x), 1), s, dtype=x.dtype))
        mine = measure(decoder, z, x, rule, max_order=0, tol=FIXED).global_
        decoder.float()
        yield Row(
            f"differences {backbone}",
            "difference from central differences, relative",
            relative(mine, expected),
            "<= 1e-4",
            f"stable, {backbone}, 10 series, derivative at s = 0.7, float64",
        )
    yield from linear_decoder()


def linear_decoder() -> Iterator[Row]:
    """Recover the shares of a linear decoder."""
    from tsgen.nn.decoders import delayed

    random = torch.Generator().manual_seed(SEED)
    A, W = (torch.randn(n, 16, generator=random) for n in (8, 4))
    z, x = (
        torch.randn(50, 8, generator=random),
        torch.randn(50, 24, 4, generator=random),
    )

    def decoder(z: Tensor, prefix: Tensor) -> Tensor:
        return (z @ A)[:, None] + prefix @ W

    parts = (z @ A)[:, None].expand(-1, 24, -1), delayed(x) @ W
    whole = parts[0] + parts[1]
    expected = [(p * whole).sum(-1) / whole.square().sum(-1) for p in parts]
    found = measured(decoder, z, x, max_order=1)
    worst = max(
        float((found.global_ - expected[0]).abs().max()),
        float((found.local[:, 1:, 0] - expected[1][:, 1:]).abs().max()),
    )
    yield Row(
        "linear", "largest error, linear decoder", worst, "<= 1e-5",
        "50 series of 24 x 4, float32, global and first order",
    )  # fmt: skip


def speed() -> Iterator[Row]:
    """Time the global dependency against the loop over captum."""
    decoder, z, x = trained("plain", "lstm")
    jobs: list[Callable[[], object]] = [partial(measured, decoder, z, x)]
    jobs += [partial(captum_loop, decoder, z, x, n) for n in (16, 50)]
    ours, few, usual = in_turns(jobs, repeats=2)
    mine = measured(decoder, z, x).completeness_error.median()
    for name, seconds, n_nodes in (("equal", few, 16), ("default", usual, 50)):
        _, theirs = captum_loop(decoder, z, x, n_nodes)
        yield Row(
            f"plain {name}",
            f"captum of {n_nodes} nodes / ours, time",
            ratio(seconds, ours),
            ">= 30",
            f"plain LSTM, 100 series of 24 x 28, width 128; ours {median(ours):.2f} s; "
            f"median completeness error {mine:.1g} against {theirs.median():.1g}",
        )
    decoder, z, x = trained("stable", "lstm")
    start = perf_counter()
    error = measured(decoder, z, x).completeness_error
    ours = [perf_counter() - start]
    start = perf_counter()
    n_nodes, n_series = 800, 10
    _, theirs = captum_loop(decoder, z[:n_series], x[:n_series], n_nodes)
    seconds = (perf_counter() - start) * len(x) / n_series
    yield Row(
        "stable",
        f"captum of {n_nodes} nodes / ours, time",
        seconds / ours[0],
        ">= 30",
        f"stable LSTM, 100 series of 24 x 28, width 128; ours {ours[0]:.2f} s; captum "
        f"timed on {n_series} series; 95 % of completeness errors below "
        f"{error.quantile(0.95):.1g} against {theirs.quantile(0.95):.1g}",
    )


def untrained(backbone: str, random: torch.Generator) -> Any:
    """Build a decoder of 28 channels and width 128 with random weights."""
    from tsgen.nn.decoders import LSTMDecoder, TransformerDecoder
    from tsgen.nn.layers import initialize

    with torch.device("meta"):
        decoder: Any = (
            LSTMDecoder(28, 64, 128, 1, 0.0, skip_connections=False)
            if backbone == "lstm"
            else TransformerDecoder(28, 64, 128, 1, 4, 0.0, skip_connections=False)
        )
    decoder = decoder.to_empty(device="cpu").requires_grad_(False)
    initialize(decoder, random)
    return decoder


def size() -> Iterator[Row]:
    """Time against the length of the series, and memory against their number."""
    random = torch.Generator().manual_seed(SEED)
    reach = {"lstm": (24, 96, 384, 1536), "transformer": (24, 96, 384)}
    for backbone, lengths in reach.items():
        decoder = untrained(backbone, random)
        z = torch.randn(16, 64, generator=random)
        x = torch.randn(16, 1536, 28, generator=random)
        jobs = [partial(measured, decoder, z, x[:, :T], 8, FIXED) for T in lengths]
        for T, seconds in zip(lengths, in_turns(jobs, repeats=1), strict=True):
            yield Row(
                f"{backbone} {T}",
                "global dependency, ms per series and step",
                1000 * median(seconds) / (16 * T),
                "level with T" if backbone == "lstm" else "",
                f"{backbone}, 16 series, T = {T}, 8 nodes",
            )
    code = (
        "import numpy as np, torch; from tsgen import StablePosteriorGenerator as G; "
        "X = np.random.default_rng(0).normal(size=({n}, 24, 28)); "
        "g = G(max_iter=1, prior_max_iter=0, random_state=0).fit(X[:200]); "
        "g.dependency(X, n_nodes=8, tol=np.inf, max_order=0)"
    )
    for n in (500, 5000):
        peak = peak_memory(code.format(n=n))
        detail = f"stable LSTM, {n} series of 24 x 28, whole process"
        yield Row(f"memory {n}", "peak memory, GB", peak, "", detail)


BENCHMARKS = {
    "size": size,
    "completeness": completeness,
    "oracles": oracles,
    "speed": speed,
}


if __name__ == "__main__":
    run_benchmarks(BENCHMARKS, RESULTS)
