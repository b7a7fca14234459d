# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, units and numbers as the page writes them."""

from collections.abc import Iterable
from fractions import Fraction

from percast.tools.campaign_report.analysis.conditions import Code
from percast.tools.campaign_report.analysis.means import Point
from percast.tools.campaign_report.analysis.measured import Campaign
from percast.tools.pages import Axis
from percast.tools.statistics import wording
from percast.tools.statistics.bootstrap import Interval
from percast.tools.statistics.equal_quality import EqualQuality
from percast.tools.statistics.rate_curves import Share
from percast.tools.statistics.wording import DOWN, NEAREST, UP

NAMES = {
    "lpips": "LPIPS",
    "lpips_vgg": "LPIPS-VGG",
    "dists": "DISTS",
    "ms_ssim": "MS-SSIM",
    "psnr_db": "PSNR",
    "share_arrived": "share that arrived",
}
_FORMATS = {"psnr_db": ".2f", "ms_ssim": ".4f"}
_UNITS = {"psnr_db": "dB, higher is better", "ms_ssim": "higher is better"}
MANY_AIRS = 3
"""With more channels than that the figures of each are folded."""

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
AT_LEAST, AT_MOST = "\N{GREATER-THAN OR EQUAL TO}", "\N{LESS-THAN OR EQUAL TO}"
BEYOND = "beyond the measured range"


SHARE_AXIS = Axis(
    "pictures that arrived",
    ticks={share / 100: f"{share}%" for share in (0, 25, 50, 75, 100)},
    low=-0.03,
    high=1.03,
)


def metric_axis(metric: str) -> Axis:
    """Its name, unit and direction."""
    return Axis(f"{NAMES[metric]} ({_UNITS.get(metric, 'lower is better')})")


def rate_axis(rates: Iterable[Fraction]) -> Axis:
    """Logarithmic, with a tick at each rate."""
    ticks = {float(rate): str(rate) for rate in sorted(set(rates))}
    return Axis("channel bandwidth ratio", log=True, ticks=ticks)


def number(metric: str, value: float | None, signed: bool = False) -> str:
    """With the digits that the metric deserves."""
    if value is None:
        return DASH
    text = format(value, ("+" if signed else "") + _FORMATS.get(metric, ".3f"))
    return text.replace("-", MINUS)


def interval(metric: str, span: Interval | None, signed: bool = False) -> str:
    """Value and, in brackets, the ends of its interval."""
    if span is None:
        return DASH
    value = number(metric, span.value, signed)
    if span.low is None:
        return value
    return f"{value} [{number(metric, span.low, signed)}, {number(metric, span.high, signed)}]"


def mean(metric: str, p: Point) -> str:
    """Over what arrived, with the number of pictures behind it where that is not all of them."""
    figure = p.figures[metric]
    text = interval(metric, figure.arrived)
    return text + (f" ({figure.measured} of {p.arrived})" if figure.measured < p.arrived else "")


def plain(value: float) -> str:
    """With a proper minus."""
    return f"{value:g}".replace("-", MINUS)


def percent(value: float, rounding: str = NEAREST) -> str:
    """Of a share, whole, with a proper minus."""
    return wording.percent(value, rounding, 0).replace("-", MINUS)


def share(span: Interval) -> str:
    """A share and its interval."""
    if span.low is None:
        return percent(span.value)
    return f"{percent(span.value)} [{percent(span.low)}, {percent(span.high)}]"


def saved(at: EqualQuality) -> str:
    """Of a share that is taken, what is saved; the ends change places."""
    value = _saved(at.share)
    if at.low is None or at.high is None or at.low == at.share == at.high:
        return value
    return f"{value} [{_saved(at.high)}, {_saved(at.low)}]"


def saved_interval(at: EqualQuality) -> str:
    """Its interval in a sentence."""
    if at.low is None or at.high is None:
        return "too few pictures for an interval"
    if at.low == at.share == at.high:
        if at.share.bound == "at most":
            return f"{BEYOND}: better at its lowest rate"
        return f"{BEYOND}: worse at its highest rate"
    text = f"95% interval {_saved(at.high)} to {_saved(at.low)}"
    return f"{text}; {BEYOND}" if at.share.bound else text


def _saved(taken: Share) -> str:
    sign, rounding = {
        "": ("", NEAREST),
        "at most": (f"{AT_LEAST} ", DOWN),
        "more than": ("< ", UP),
    }[taken.bound]
    return sign + percent(1 - taken.ratio, rounding)


def saved_mean(taken: Interval) -> str:
    """What is saved where this share is taken."""
    ends = (None if end is None else 1 - end for end in (taken.high, taken.low))
    return share(Interval(1 - taken.value, *ends))


def saved_headline(at: EqualQuality) -> str:
    """The value alone."""
    return _saved(at.share)


def looks(campaign: Campaign) -> dict[Code, int]:
    """Colour and marker of each code, the same all over the page."""
    return {code: look for look, code in enumerate(campaign.codes)}


def slug(text: str) -> str:
    """For a file's name or an address."""
    kept = "".join(c if c.isalnum() else "-" for c in text.lower())
    return "-".join(filter(None, kept.split("-")))
