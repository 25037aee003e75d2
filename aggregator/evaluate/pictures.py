"""Charts of an evaluation, as PNG, by matplotlib: it comes with TrackEval in the extra `evaluate` anyway.

Its object interface is used, not pyplot: no global state, no window system.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregator.evaluate.scores import reliability
from aggregator.evaluate.transits import Transits
from common.errors import ConfigError

INK, MUTED, GRID = "#1f2933", "#7b8794", "#e4e7eb"
BLUE, ORANGE = "#2f6fb3", "#d9822b"
DPI = 130
PAIRS = 6


def links_picture(path: Path, confidence: NDArray[np.float64] | None, right: NDArray[np.bool_],
                  transits: Transits) -> None:
    """Reliability of the links' confidence, and transit times of the busiest ways, answered and true.

    Args:
        path: PNG.
        confidence: (k,) in [0, 1] of each link; None when the answer holds none.
        right: (k,) whether it was right.
        transits: of the same visits.

    Raises:
        ConfigError: matplotlib is not installed, or the file cannot be written.
    """
    ways = transits.busiest(PAIRS)
    columns = 1 + max(1, -(-len(ways) // 2))
    figure = _figure(3.9 + 2.9 * (columns - 1), 5.2)
    grid = figure.add_gridspec(2, columns, width_ratios=[1.35, *[1.0] * (columns - 1)])
    _reliability(figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0]), confidence, right)
    for k, way in enumerate(ways):
        _transit(figure.add_subplot(grid[k % 2, 1 + k // 2]), transits, way, legend=k == 0)
    _save(figure, path)


def curve_picture(path: Path, curves: Mapping[str, tuple[NDArray[np.float64], float]], title: str) -> None:
    """Cumulative matching characteristic curves.

    Args:
        path: PNG.
        curves: name → (k,) share of queries answered within the first 1 … k, and mAP.
        title: above.

    Raises:
        ConfigError: matplotlib is not installed, or the file cannot be written.
    """
    figure = _figure(5.6, 4.2)
    axes = _axes(figure.add_subplot(), title, "rank", "queries answered")
    for (name, (curve, mean_ap)), colour in zip(curves.items(), (BLUE, ORANGE), strict=False):
        axes.plot(np.arange(1, len(curve) + 1), curve, color=colour, linewidth=2,
                  label=f"{name}: rank-1 {100 * curve[0]:.1f} %, mAP {100 * mean_ap:.1f} %")
    axes.set_xlim(1, max(2, *(len(curve) for curve, _ in curves.values())))
    low = min(float(curve[0]) for curve, _ in curves.values())
    axes.set_ylim(max(0.0, np.floor(10 * low - 0.5) / 10), 1.005)
    _percent(axes)
    axes.legend(loc="lower right", frameon=False, fontsize=8, labelcolor=INK)
    _save(figure, path)


def _reliability(above: Any, below: Any, confidence: NDArray[np.float64] | None, right: NDArray[np.bool_]) -> None:
    _axes(above, "Is the confidence true?", "", "links that were right")
    above.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    above.set_xlim(0, 1)
    above.set_ylim(0, 1.02)
    _percent(above)
    _axes(below, "How often is it said?", "confidence", "links")
    below.set_xlim(0, 1)
    for axes in (above, below):
        axes.set_xticks(np.linspace(0, 1, 6), [f"{v:.1f}" for v in np.linspace(0, 1, 6)])
    if confidence is None or not len(confidence):
        above.text(0.5, 0.5, "no confidence in the answer", ha="center", color=MUTED, fontsize=9)
        return
    bins = reliability(confidence, right)
    above.plot([said for said, _, _ in bins], [was for _, was, _ in bins], color=BLUE, marker="o", markersize=4,
               linewidth=2)
    error = sum(weight * abs(said - was) for said, was, weight in bins)
    above.text(0.04, 0.93, f"calibration error {error:.3f}", color=INK, fontsize=8)
    edges = np.linspace(0, 1, 21)
    below.hist([confidence[right], confidence[~right]], edges, stacked=True, color=[BLUE, ORANGE],
               label=["right", "wrong"], rwidth=0.92)
    below.legend(frameon=False, fontsize=8, labelcolor=INK, loc="upper left")


def _transit(axes: Any, transits: Transits, way: tuple[str, str], *, legend: bool) -> None:
    true, said = transits.seconds(way, said=False), transits.seconds(way, said=True)
    _axes(axes, f"{way[0]} → {way[1]}", "seconds between; last bar: and more", "")
    axes.set_title(f"said {len(said)}, true {len(true)}", loc="right", fontsize=7, color=MUTED)
    both = np.concatenate([true, said])
    low, high = np.quantile(both, [0.02, 0.9])
    edges = np.linspace(low, max(high, low + 1), 25)
    axes.hist(np.clip(said, edges[0], edges[-1]), edges, color=BLUE, alpha=0.45, label="said")
    axes.hist(np.clip(true, edges[0], edges[-1]), edges, histtype="step", color=INK, linewidth=1.4, label="true")
    if legend:
        axes.legend(frameon=False, fontsize=8, labelcolor=INK, loc="upper left")
        axes.set_ylim(0, 1.25 * axes.get_ylim()[1])


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("pictures are drawn by matplotlib, which is not installed",
                          "pip install 'passage[evaluate]'") from error
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")


def _axes(axes: Any, title: str, across: str, up: str) -> Any:
    axes.set_title(title, loc="left", fontsize=9, color=INK, fontweight="bold")
    axes.set_xlabel(across, fontsize=8, color=MUTED)
    axes.set_ylabel(up, fontsize=8, color=MUTED)
    axes.tick_params(labelsize=7, colors=MUTED, length=0)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(GRID)
    return axes


def _percent(axes: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _save(figure: Any, path: Path) -> None:
    if path.suffix.lower() != ".png":
        raise ConfigError(f"--picture {path}: pictures are written as PNG", f"--picture {path.with_suffix('.png')}")
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", "give --picture a file in a folder that is there") from error


