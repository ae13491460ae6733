r"""Dependency measure: what the features of a decoder rely on (eq. 7 to 10).

Integrated gradients along the straight line from zeros to the input,
:math:`s \mapsto (s z, s x_1, \ldots, s x_{t-1})`: with :math:`x_0 = z`,

.. math::
    m_{t,j} = \frac{\langle d_t, \int_0^1 \partial_{x_j} h_t(s) \, x_j \, ds \rangle}
    {\| d_t \|^2}, \qquad d_t = h_t(1) - h_t(0), \qquad \sum_{j<t} m_{t,j} = 1

:math:`m_{t,0}` is the global dependency, on the latent; :math:`m_{t,t-k}` the local
dependency of order k. The derivative is contracted with the input itself, so one
forward-mode derivative along the latent gives :math:`m_{t,0}` for all t at once.

The features of a recurrent decoder can jump on that line, the more sharply the later
the step, and no fixed rule sees a jump. But what the shares of an interval must sum to
is known, from the features at its ends: intervals that miss it are halved.

Two engines give the same figures. `forward_shares` walks through a decoder that offers
`begin` and `step`, and carries a few derivatives along. `backward_shares` takes any
callable and needs one backward pass for each step t.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.func import jvp, vmap

from tsgen.nn.decoders import delayed

MAX_FLOATS = 2**24  # in the states and derivatives of one pass
STEEP = 0.5  # of the way of a step: an interval that holds more is halved further
MAX_INTERVALS = 256  # that the line of one row is cut into, whatever it misses
FORWARD_MODE = Lock()  # torch's levels of forward mode are shared by all threads
ROUNDING = 64  # units of rounding below which a difference counts as zero


class Quadrature(NamedTuple):
    """Nodes in [0, 1] and their weights, for each row: (B, Q) both."""

    nodes: Tensor
    weights: Tensor


class Measure(NamedTuple):
    """Dependencies: global (B, T), local (B, T, max_order), |sum - 1| (B, T)."""

    global_: Tensor
    local: Tensor
    completeness_error: Tensor


class Intervals(NamedTuple):
    """Parts of the lines of some rows, and how far the features have come at each end.

    `row` (P,); `start`, `stop` (P,) in [0, 1]; `left`, `right` (P, T), the products of
    d_t with what the features have moved from h_t(0).
    """

    row: Tensor
    start: Tensor
    stop: Tensor
    left: Tensor
    right: Tensor

    def where(self, condition: Tensor) -> Intervals:
        """Keep some intervals."""
        return Intervals(*(part[condition] for part in self))


def gauss_legendre(n_rows: int, n_nodes: int) -> Quadrature:
    """Return the Gauss-Legendre rule on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    shape = (n_rows, n_nodes)
    return Quadrature(
        torch.from_numpy((nodes + 1) / 2).expand(shape),
        torch.from_numpy(weights / 2).expand(shape),
    )


def monte_carlo(nodes: Tensor) -> Quadrature:
    """Weigh nodes (B, Q) drawn uniformly from [0, 1] equally (eq. 10)."""
    return Quadrature(nodes, torch.full_like(nodes, 1 / nodes.shape[1]))


def measure(
    decoder: Callable[..., Any],
    z: Tensor,
    x: Tensor,
    rule: Quadrature,
    *,
    max_order: int,
    tol: float,
) -> Measure:
    """Measure the dependencies of a decoder, in chunks of bounded memory.

    Parameters
    ----------
    decoder : callable
        From latents (B, K) and a prefix (B, T, C) to features (B, T, H). If it also
        has methods ``begin(z) -> state`` and ``step(state, previous) -> (features,
        state)``, with states that are nested tuples of tensors, the fast engine is
        used.
    z : Tensor of shape (B, K)
    x : Tensor of shape (B, T, C)
    rule : Quadrature
    max_order : int
        Largest order of the local dependencies, from 0 to T - 1.
    tol : float
        Intervals in which the shares of a step miss what they must sum to by more are
        halved; infinity halves none.

    Returns
    -------
    Measure
        NaN where d_t is zero up to rounding.
    """
    _load_forward_mode()
    with torch.inference_mode(False), torch.no_grad():
        z, x = z.clone(), x.clone()
        rule = Quadrature(*(part.to(x) for part in rule))
        size = _chunk_size(decoder, z, x, rule.nodes.shape[1], max_order)
        rows = zip(
            z.split(size), x.split(size), *(r.split(size) for r in rule), strict=True
        )
        parts = [
            _measure_rows(Line(decoder, z, x), Quadrature(*rule), max_order, tol)
            for z, x, *rule in rows
        ]
        return Measure(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _load_forward_mode() -> None:
    """Let torch load what its forward mode needs, without its warning of its own use.

    It does so at the first derivative of a process, in about a second.
    """
    if "torch._decomp.decompositions_for_jvp" in sys.modules:
        return
    with FORWARD_MODE, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        jvp(torch.sin, (torch.zeros(1),), (torch.zeros(1),))


class Line:
    """The straight line from zeros to the inputs of a decoder, for each row.

    Parameters
    ----------
    decoder : callable
        See `measure`.
    z : Tensor of shape (B, K)
    x : Tensor of shape (B, T, C)
    """

    def __init__(self, decoder: Callable[..., Any], z: Tensor, x: Tensor) -> None:
        self.decoder = decoder
        self.z = z
        self.prefix = delayed(x)
        h = decoder(z, self.prefix)
        self.origin = decoder(torch.zeros_like(z), torch.zeros_like(self.prefix))
        self.difference = h - self.origin
        self.squared_length = squared_length(self.difference, h)

    def whole(self) -> Intervals:
        """Return one interval for each row: all of its line."""
        end = self.difference.square().sum(dim=-1)
        ends = torch.zeros_like(end), end
        zero = torch.zeros_like(end[:, 0])
        rows = torch.arange(len(zero), device=zero.device)
        return Intervals(rows, zero, zero + 1, *ends)

    def halves(self, intervals: Intervals) -> Intervals:
        """Cut intervals in the middle."""
        row, start, stop, left, right = intervals
        middle = (start + stop) / 2
        parts = zip(row.split(len(self.z)), middle.split(len(self.z)), strict=True)
        between = torch.cat([self._way(*part) for part in parts])
        first = Intervals(row, start, middle, left, between)
        second = Intervals(row, middle, stop, between, right)
        return _joined([first, second])

    def _way(self, row: Tensor, s: Tensor) -> Tensor:
        """Return how far the features of rows have come at s: (P, T)."""
        h = self.decoder(s[:, None] * self.z[row], s[:, None, None] * self.prefix[row])
        return (self.difference[row] * (h - self.origin[row])).sum(dim=-1)

    def refined(self, intervals: Intervals) -> Intervals:
        """Halve intervals, again and again where one half holds most of a way."""
        done = []
        while len(intervals.row):
            intervals = self.halves(intervals)
            steep = (self.ways(intervals).abs() > STEEP).any(dim=1) & self.divisible(
                intervals
            )
            done.append(intervals.where(~steep))
            intervals = intervals.where(steep)
        return _joined(done) if done else intervals

    def ways(self, intervals: Intervals) -> Tensor:
        """Return what the shares of everything must sum to in intervals: (P, T)."""
        way = intervals.right - intervals.left
        return way / self.squared_length[intervals.row]

    def divisible(self, intervals: Intervals) -> Tensor:
        """Return whether the precision of the numbers allows halving, (P,)."""
        least = ROUNDING * torch.finfo(self.z.dtype).eps
        return intervals.stop - intervals.start > least

    def shares(self, intervals: Intervals, rule: Quadrature, max_order: int) -> Tensor:
        """Integrate over intervals: see `forward_shares`."""
        row, width = intervals.row, (intervals.stop - intervals.start)[:, None]
        inputs = (self.decoder, self.z[row], self.prefix[row], self.difference[row])
        nodes = intervals.start[:, None] + width * rule.nodes[row]
        scaled = Quadrature(nodes, width * rule.weights[row])
        if not _is_stepwise(self.decoder):
            return backward_shares(*inputs, scaled, max_order)
        with FORWARD_MODE:
            return forward_shares(*inputs, scaled, max_order)


def _measure_rows(line: Line, rule: Quadrature, max_order: int, tol: float) -> Measure:
    """Integrate along the lines of a chunk, halving intervals as needed."""
    B, T = line.squared_length.shape
    total = line.prefix.new_zeros(B, T, 2 + max_order)
    todo, finer = line.whole(), gauss_legendre(B, max(4, rule.nodes.shape[1] // 2))
    finer = Quadrature(*(part.to(total) for part in finer))
    cuts = torch.zeros_like(todo.row)
    while len(todo.row):
        shares = torch.cat(
            [line.shares(part, rule, max_order) for part in _chunks(todo, B)]
        )
        found = shares[..., 1] / line.squared_length[todo.row]
        missed = found - line.ways(todo)
        again = (missed.abs() > tol).any(dim=1) & line.divisible(todo)
        again &= cuts[todo.row] < MAX_INTERVALS
        total.index_add_(0, todo.row[~again], shares[~again])
        todo, rule = line.refined(todo.where(again)), finer
        cuts += todo.row.bincount(minlength=B)
    total = total / line.squared_length[..., None]
    return Measure(total[..., 0], total[..., 2:], (total[..., 1] - 1).abs())


def _joined(intervals: list[Intervals]) -> Intervals:
    return Intervals(*(torch.cat(parts) for parts in zip(*intervals, strict=True)))


def _chunks(intervals: Intervals, size: int) -> list[Intervals]:
    parts = zip(*(part.split(size) for part in intervals), strict=True)
    return [Intervals(*part) for part in parts]


def squared_length(difference: Tensor, h: Tensor) -> Tensor:
    """Squared length of d_t (B, T), NaN where it is zero up to rounding."""
    square = difference.square().sum(dim=-1)
    least = ROUNDING * torch.finfo(h.dtype).eps * h.square().sum(dim=-1).sqrt()
    return square.where(square.sqrt() > least, math.nan)


def forward_shares(
    decoder: Any,
    z: Tensor,
    prefix: Tensor,
    difference: Tensor,
    rule: Quadrature,
    max_order: int,
) -> Tensor:
    """Integrate by forward-mode derivatives, carried along from step to step.

    One derivative follows the latent and one everything. Of the observations, a window
    of the last `max_order` is followed: each step adds one and drops the oldest.

    Parameters
    ----------
    decoder : object
        With `begin` and `step`, see `measure`.
    z, prefix, difference : Tensor of shape (B, K), (B, T, C), (B, T, H)
    rule : Quadrature
    max_order : int

    Returns
    -------
    Tensor of shape (B, T, 2 + max_order)
        Products of d_t with the integrals: of the latent, of everything, and of the
        observations at distances 1 ... max_order, zero where there are none.
    """
    B, T = prefix.shape[:2]
    n_nodes = rule.nodes.shape[1]
    s = rule.nodes.T.reshape(-1, 1)  # (Q B, 1), all rows at the first node first
    z, prefix = z.repeat(n_nodes, 1), prefix.repeat(n_nodes, 1, 1)
    state, along_z = jvp(decoder.begin, (s * z,), (z,))  # type: ignore[misc]  # a pair
    tangents = _map(lambda a: torch.stack([a, a]), along_z)  # latent, everything
    shares = prefix.new_zeros(T, 2 + max_order, B)
    for t in range(T):
        if t:
            tangents = _map(partial(_with_newest, max_order=max_order), tangents)
        seen = prefix[:, t]
        moved = _movements(seen, _n_directions(tangents))
        state, along, tangents = _advance(decoder, state, s * seen, tangents, moved)
        along = along.unflatten(1, (n_nodes, B))  # (D, Q, B, H)
        share = torch.einsum("dqbh,bh,bq->db", along, difference[:, t], rule.weights)
        shares[t, : len(share)] = share
    return shares.permute(2, 0, 1)


def _with_newest(tangent: Tensor, max_order: int) -> Tensor:
    """Make room for the newest observation, and drop the one beyond the window."""
    newest = torch.zeros_like(tangent[:1])
    return torch.cat([tangent[:2], newest, tangent[2:]])[: 2 + max_order]


def _movements(seen: Tensor, n_directions: int) -> Tensor:
    """Return how the observation (B, C) seen at a step moves in every direction.

    It moves with everything and with itself, the newest, and not with others.
    """
    moves = [False, True, True, *[False] * n_directions][:n_directions]
    return torch.stack([seen if move else torch.zeros_like(seen) for move in moves])


def _advance(
    decoder: Any, state: Any, previous: Tensor, tangents: Any, moved: Tensor
) -> tuple[Any, Tensor, Any]:
    """Take one step: the next state, and derivatives of features and state (D, ...)."""

    def along(d_state: Any, d_previous: Tensor) -> tuple[Any, Tensor, Any]:
        (_, after), (d_h, d_after) = jvp(  # type: ignore[misc]  # a pair
            decoder.step, (state, previous), (d_state, d_previous)
        )
        return after, d_h, d_after

    outputs = (None, 0, 0)  # the state has no direction
    return vmap(along, out_dims=outputs)(tangents, moved)  # type: ignore[arg-type]  # torch takes None


def backward_shares(
    decoder: Callable[..., Any],
    z: Tensor,
    prefix: Tensor,
    difference: Tensor,
    rule: Quadrature,
    max_order: int,
) -> Tensor:
    """Integrate by backward passes, one for each step and node; as `forward_shares`."""
    B, T = prefix.shape[:2]
    latent = z.new_zeros(B, T)
    observed = z.new_zeros(B, T, T)  # at position t, of position i of the prefix
    for s, weight in zip(rule.nodes.T, rule.weights.T, strict=True):
        point = s[:, None] * z, s[:, None, None] * prefix
        for t, (along_z, along_x) in enumerate(_gradients(decoder, point, difference)):
            latent[:, t] += weight * (along_z * z).sum(dim=-1)
            observed[:, t] += weight[:, None] * (along_x * prefix).sum(dim=-1)
    shares = z.new_zeros(B, T, 2 + max_order)
    shares[..., 0] = latent
    shares[..., 1] = latent + observed.tril().sum(dim=-1)  # of what comes before x_t
    for order in range(1, max_order + 1):
        # position i of the prefix holds x_i, for i from 1, and h_t is at t - 1
        shares[:, order:, 1 + order] = observed.diagonal(1 - order, 1, 2)[:, 1:]
    return shares


def _gradients(
    decoder: Callable[..., Any], point: tuple[Tensor, Tensor], difference: Tensor
) -> list[tuple[Tensor, ...]]:
    """Gradients of <d_t, h_t> at a latent and a prefix, in both, for every step t."""
    with torch.enable_grad():
        inputs = tuple(part.clone().requires_grad_() for part in point)
        gains = (decoder(*inputs) * difference).sum(dim=(0, 2))  # (T,)
        if not gains.requires_grad:  # whatever comes in
            return [tuple(map(torch.zeros_like, inputs))] * len(gains)
        return [
            torch.autograd.grad(gain, inputs, retain_graph=True, materialize_grads=True)
            for gain in gains
        ]


def _chunk_size(
    decoder: Any, z: Tensor, x: Tensor, n_nodes: int, max_order: int
) -> int:
    """Return how many series fit into one pass."""
    T = x.shape[1]
    h = decoder(z[:1], delayed(x[:1]))
    if not _is_stepwise(decoder):
        return max(1, MAX_FLOATS // (8 * h.numel()))
    _, first = decoder.step(decoder.begin(z[:1]), x[:1, 0])
    _, second = decoder.step(first, x[:1, 0])
    growth = _n_floats(second) - _n_floats(first)  # of what attention remembers
    size = _n_floats(first) + growth * T + 8 * h.shape[2]
    return max(1, MAX_FLOATS // (size * n_nodes * (3 + max_order)))


def _is_stepwise(decoder: Any) -> bool:
    return hasattr(decoder, "begin") and hasattr(decoder, "step")


def _n_floats(tree: Any) -> int:
    if isinstance(tree, Tensor):
        return tree.numel()
    return sum(_n_floats(part) for part in tree)


def _n_directions(tangents: Any) -> int:
    while isinstance(tangents, tuple):
        tangents = tangents[0]
    return len(tangents)


def _map(function: Callable[[Tensor], Tensor], tree: Any) -> Any:
    """Apply a function to every tensor of nested (named) tuples."""
    if isinstance(tree, Tensor):
        return function(tree)
    parts = [_map(function, part) for part in tree]
    return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
