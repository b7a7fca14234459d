# SPDX-License-Identifier: GPL-3.0-or-later
"""Plots of an evaluation: LPIPS and PSNR against rate and against SNR (needs matplotlib)."""

import importlib.util
from fractions import Fraction
from pathlib import Path

from percast.engines.evaluation.baselines import HEVC_LDPC, HEVC_LDPC_PICTURES, hevc_ldpc

_LABELS = {"lpips": "LPIPS (AlexNet), lower is better", "psnr_db": "PSNR, dB"}
_STYLES = ("-", ":", "-.", (0, (1, 3)))  # of realism, the highest first
_HOLLOW = "Hollow: a mean from which pictures that were not decoded are missing.\n"
_REFERENCE = {"linestyle": "--", "linewidth": 0.9, "marker": "x", "markersize": 4}


def available() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw(folder: Path, result: dict) -> list[Path]:
    """Draws each figure against CBR (a curve for each SNR) and against SNR (one for each CBR).

    Args:
        folder: to write PNG files into.
        result: the JSON object of `percast eval`.

    Returns:
        The files written.
    """
    # The object-oriented interface: pyplot would open a window where there is a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    written = []
    for key in ("lpips", "psnr_db"):
        points = [p for p in result["points"] if p.get(key) is not None]
        if not points:
            continue
        partial = any(map(_is_partial, points))
        for against in ("cbr", "snr"):
            figure = Figure(figsize=(8, 5), layout="constrained")
            FigureCanvasAgg(figure)
            axes = figure.subplots()
            _curves(axes, points, key, against)
            _reference(axes, points, key, against)
            axes.set_xlabel("channel bandwidth ratio" if against == "cbr" else "SNR, dB")
            axes.set_ylabel(_LABELS[key])
            axes.grid(alpha=0.3)
            figure.legend(fontsize=7, loc="outside right upper")
            figure.suptitle(
                f"{result['model']} ({result['model_id']}), {result['channel']}, "
                f"mean over {result['pictures']} pictures{' or fewer' if partial else ''}",
                fontsize=10,
            )
            figure.supxlabel(
                f"{_HOLLOW if partial else ''}"
                f"Dashed, for reference only: {HEVC_LDPC}, AWGN, "
                f"over {HEVC_LDPC_PICTURES}, whatever was evaluated here.",
                fontsize=7,
            )
            path = folder / f"{key.removesuffix('_db')}_against_{against}.png"
            figure.savefig(path, dpi=130)
            written.append(path)
    return written


def _curves(axes, points: list[dict], key: str, against: str) -> None:
    realisms = sorted({p["realism"] for p in points}, reverse=True)
    for index, (fixed, curve) in enumerate(_grouped(points, against).items()):
        for realism in realisms:
            one = sorted((_x(p, against), p[key]) for p in curve if p["realism"] == realism)
            label = _name(fixed, against) + (f", realism {realism:g}" if len(realisms) > 1 else "")
            style = _STYLES[min(realisms.index(realism), len(_STYLES) - 1)]
            look = {"color": f"C{index}", "marker": "o"}
            axes.plot(*zip(*one, strict=True), **look, linestyle=style, label=label)
            if partial := [p for p in curve if p["realism"] == realism and _is_partial(p)]:
                places = zip(*((_x(p, against), p[key]) for p in partial), strict=True)
                axes.plot(*places, **look, linestyle="", markerfacecolor="white")
    if against == "cbr":
        _rate_axis(axes, sorted({Fraction(p["cbr_asked"]) for p in points}))


def _reference(axes, points: list[dict], key: str, against: str) -> None:
    """The baseline at the SNRs or rates of the plot, as far as it has them."""
    shown = _grouped(points, against)
    baseline = [
        {"cbr_asked": str(p.cbr), "cbr": float(p.cbr), "snr_db": p.snr_db, key: getattr(p, key)}
        for p in hevc_ldpc()
    ]
    colours = {fixed: f"C{index}" for index, fixed in enumerate(shown)}
    label = HEVC_LDPC  # told once
    for fixed, curve in _grouped(baseline, against).items():
        if fixed in shown:
            one = sorted((_x(p, against), p[key]) for p in curve)
            axes.plot(*zip(*one, strict=True), **_REFERENCE, color=colours[fixed], label=label)
            label = None


def _rate_axis(axes, rates: list[Fraction]) -> None:
    ticks = sorted({*rates, *(p.cbr for p in hevc_ldpc())})
    axes.set_xscale("log")
    axes.set_xticks([float(rate) for rate in ticks], [str(rate) for rate in ticks])
    axes.minorticks_off()


def _grouped(points: list[dict], against: str) -> dict[object, list[dict]]:
    """Points by what a curve of this plot holds fixed."""
    groups: dict[object, list[dict]] = {}
    for point in points:
        fixed = point["snr_db"] if against == "cbr" else point["cbr_asked"]
        groups.setdefault(fixed, []).append(point)
    return groups


def _is_partial(point: dict) -> bool:
    """Whether pictures are missing from its means: they may have been the difficult ones."""
    return point["decoded"] < point["pictures"]


def _x(point: dict, against: str) -> float:
    return point["cbr"] if against == "cbr" else point["snr_db"]


def _name(fixed: object, against: str) -> str:
    return f"{fixed:g} dB" if against == "cbr" else f"CBR {fixed}"
