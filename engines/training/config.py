# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that defines a training run: a TOML file, checked, as a frozen dataclass."""

import difflib
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from percast.errors import FileError, UsageError

PRESETS_FOLDER = Path(__file__).parent / "presets"
PRESETS = ("tiny", "base", "mse", "gpu", "lite")

LATENT_CHANNELS = 96
"""As `percast.engines.networks.LATENT_CHANNELS`, stated here because this module needs no torch."""

STRIDE = 16
MIN_CROP = 48  # AlexNet leaves nothing of less for its last texture windows
MOST_SHIFT = 16  # no feature of AlexNet is further from its neighbour

Point = tuple[int, float, float]
"""Latent channels sent, SNR in dB, realism."""


@dataclass(frozen=True)
class Config:
    """A run. The defaults are those of the preset `base`, whose file comments on the choices; only
    the length of the run has none.

    Args:
        seed: of everything random.
        data: folder of pictures, or a file made by `percast train pack`.
        validation: folder or pack to validate on; empty: the last `held_out` pictures of `data`,
            which are then not trained on.
        held_out: see `validation`.
        crop: side of the training crops in pixels, a multiple of 16.
        batch: crops in each step, of each process.
        crops: where crops are drawn: host, device, or auto = on the GPU if the set fits.
        steps, minutes: length of the run, one of them; the other is 0.
        adversary_from: share of the run after which its second stage begins, with the adversary;
            1 = never.
        second_lr: share of the peak learning rates to which the networks' rise once more at the
            second stage, each stage with a cosine of its own; 0 = one cosine over the whole run.
        encoder_channels .. discriminator_channels: shapes of the networks.
        mse_weight, lpips_weight, texture_weight, adversarial_weight: see `losses`.
        lifelike_mse: share of the squared error that realism 1 still feels.
        perceptual_floor: part of the LPIPS and texture terms that even realism 0 feels.
        perceptual_shift: LPIPS and texture are computed from another pixel in each step, 0 to one
            less than this to the right and down, as far as `MIN_CROP` is left; see
            `losses.perceptual`.
        faithful_share, lifelike_share: shares of the crops at realism 0 and 1; the rest between.
        lr, muon_lr, discriminator_lr: peak learning rates of AdamW, Muon, the adversary's AdamW.
        weight_decay: of AdamW.
        warmup: steps over which every learning rate rises.
        final_lr: share of the peak at the end of the cosine.
        clip, discriminator_clip: largest norm of a gradient.
        ema: decay of the moving average of the weights, per step.
        rates, rate_odds: latent channels that are sent, and how often each.
        snr_db: range from which the SNR is drawn.
        fading_share: share of the crops that fade.
        erasure_share, most_erased: share of the crops that lose symbols, and the most of them.
        clipping_db: signal to clipping noise of the transmitter, dB; 0 = no clipping.
        precision: bf16 (autocast) or fp32.
        compile: torch.compile the networks.
        log_every, save_every, validate_every: steps.
        validation_points: [latent channels, SNR in dB, realism] each.
        validation_pictures: at most so many.
    """

    seed: int = 0

    data: str = ""
    validation: str = ""
    held_out: int = 16
    crop: int = 128
    batch: int = 16
    crops: str = "auto"

    steps: int = 0
    minutes: float = 0.0
    adversary_from: float = 0.5
    second_lr: float = 0.0

    encoder_channels: tuple[int, ...] = (64, 128, 192)
    encoder_blocks: tuple[int, ...] = (2, 2, 3)
    generator_channels: tuple[int, ...] = (192, 128, 64)
    generator_blocks: tuple[int, ...] = (4, 3, 3)
    discriminator_channels: tuple[int, ...] = (48, 96, 192, 256)

    mse_weight: float = 150.0
    lifelike_mse: float = 0.2
    lpips_weight: float = 2.0
    texture_weight: float = 1.0
    adversarial_weight: float = 0.03
    perceptual_floor: float = 0.02
    perceptual_shift: int = 4
    faithful_share: float = 0.2
    lifelike_share: float = 0.4

    lr: float = 4e-4
    muon_lr: float = 0.01
    discriminator_lr: float = 2e-4
    weight_decay: float = 1e-4
    warmup: int = 300
    final_lr: float = 0.03
    clip: float = 1.0
    discriminator_clip: float = 5.0
    ema: float = 0.999

    rates: tuple[int, ...] = (8, 16, 32, 64, 96)
    rate_odds: tuple[float, ...] = (0.1, 0.22, 0.28, 0.2, 0.2)
    snr_db: tuple[float, ...] = (-1.0, 19.0)
    fading_share: float = 0.35
    erasure_share: float = 0.15
    most_erased: float = 0.5
    clipping_db: float = 43.0

    precision: str = "bf16"
    compile: bool = False
    log_every: int = 50
    save_every: int = 500
    validate_every: int = 2000
    validation_points: tuple[Point, ...] = ((16, 10, 1), (32, 10, 1), (64, 10, 1), (32, 10, 0))
    validation_pictures: int = 12

    def __post_init__(self) -> None:
        _check(self)

    @property
    def perceptual(self) -> bool:
        """Whether training looks at features."""
        return self.lpips_weight > 0 or self.texture_weight > 0

    @property
    def adversarial(self) -> bool:
        """Whether there is an adversary at any time."""
        return self.adversarial_weight > 0 and self.adversary_from < 1 and self.faithful_share < 1

    @property
    def realism(self) -> tuple[float, float]:
        """The lowest and the highest that is trained."""
        return float(self.lifelike_share == 1), float(self.faithful_share < 1)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, tuples as lists: what a checkpoint holds."""
        return {name: _listed(value) for name, value in asdict(self).items()}


def load(source: str = "base", changes: Iterable[str] = ()) -> Config:
    """A preset or a TOML file, with some settings changed.

    Args:
        source: name of a preset, or path of a file.
        changes: "key=value" each, the value as in TOML; text needs no quotes.

    Raises:
        UsageError: an unknown key, or a value that makes no sense.
        FileError: the file cannot be read.
    """
    path = PRESETS_FOLDER / f"{source}.toml" if source in PRESETS else Path(source)
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(
            f"--config {source}: neither a file nor a preset ({', '.join(PRESETS)})"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"--config {source} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"--config {source}: no TOML: {error}") from error
    return from_dict(_merged(settings, changes), f"--config {source}")


def change(config: Config, changes: Iterable[str]) -> Config:
    """A configuration with some settings changed, see `load`.

    Raises:
        UsageError: an unknown key, or a value that makes no sense.
    """
    return from_dict(_merged(config.to_dict(), changes), "--set")


def from_dict(settings: Mapping[str, Any], where: str) -> Config:
    """Checked settings; what is missing takes its default.

    Args:
        where: they come from, for messages.

    Raises:
        UsageError: an unknown key, or a value that makes no sense.
    """
    types = {field.name: field.type for field in fields(Config)}
    values = {}
    for name, value in settings.items():
        if name not in types:
            near = difflib.get_close_matches(name, types, 1)
            hint = f": did you mean '{near[0]}'?" if near else ""
            raise UsageError(f"{where}: there is no setting '{name}'{hint}")
        values[name] = _typed(name, value, types[name], where)
    try:
        return Config(**values)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def _merged(settings: dict[str, Any], changes: Iterable[str]) -> dict[str, Any]:
    wishes = dict(map(_change, changes))
    for one, other in (("steps", "minutes"), ("minutes", "steps")):
        if one in wishes and other not in wishes:
            settings[other] = 0  # one kind of length takes the place of the other
    return settings | wishes


def _change(text: str) -> tuple[str, Any]:
    """One "key=value"."""
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals:
        raise UsageError(f"--set {text}: give key=value")
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value.strip()  # text without quotes; another type is refused as such


def _typed(name: str, value: Any, wanted: Any, where: str) -> Any:
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if wanted in (int, float, bool, str):
        if type(value) is wanted:
            return value
        kind = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
        raise UsageError(f"{where}: {name} = {value!r} must be {kind[wanted]}")
    if name == "validation_points":
        if isinstance(value, list) and all(_numbers(point) and len(point) == 3 for point in value):
            return tuple((point[0], float(point[1]), float(point[2])) for point in value)
        raise UsageError(f"{where}: {name} must be a list of [latent channels, SNR, realism]")
    if not _numbers(value):
        raise UsageError(f"{where}: {name} = {value!r} must be a list of numbers")
    if wanted == tuple[int, ...] and not all(type(item) is int for item in value):
        raise UsageError(f"{where}: {name} = {value!r} must be a list of whole numbers")
    return tuple(value) if wanted == tuple[int, ...] else tuple(map(float, value))


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) in (int, float) for item in value)


def _listed(value: Any) -> Any:
    return [_listed(item) for item in value] if isinstance(value, tuple) else value


def _check(c: Config) -> None:
    """What no type can say; raises `UsageError`."""

    def need(holds: bool, text: str) -> None:
        if not holds:
            raise UsageError(text)

    for name in ("batch", "warmup", "log_every", "save_every", "validate_every"):
        need(getattr(c, name) >= 1, f"{name} = {getattr(c, name)} must be at least 1")
    for name in ("seed", "held_out", "validation_pictures"):
        need(getattr(c, name) >= 0, f"{name} = {getattr(c, name)} must not be negative")
    need(
        c.crop % STRIDE == 0 and c.crop >= MIN_CROP,
        f"crop = {c.crop} must be a multiple of {STRIDE} and at least {MIN_CROP}",
    )
    need(
        0 <= c.perceptual_shift <= MOST_SHIFT,
        f"perceptual_shift = {c.perceptual_shift} must lie in 0..{MOST_SHIFT}",
    )
    need(c.crops in ("auto", "host", "device"), f"crops = {c.crops!r}: auto, host or device")
    need(c.precision in ("bf16", "fp32"), f"precision = {c.precision!r}: bf16 or fp32")
    need(
        (c.steps > 0) != (c.minutes > 0) and c.steps >= 0 and c.minutes >= 0,
        f"steps = {c.steps} and minutes = {c.minutes:g}: one must be positive, the other 0",
    )
    shares = ("adversary_from", "perceptual_floor", "faithful_share", "lifelike_share", "final_lr")
    others = ("second_lr", "lifelike_mse", "fading_share", "erasure_share", "most_erased", "ema")
    for name in (*shares, *others):
        need(0 <= getattr(c, name) <= 1, f"{name} = {getattr(c, name):g} must lie in 0..1")
    need(
        c.faithful_share + c.lifelike_share <= 1,
        "faithful_share and lifelike_share together exceed 1",
    )
    terms = ("mse", "lpips", "texture", "adversarial")
    for name in (*(f"{term}_weight" for term in terms), "weight_decay"):
        need(0 <= getattr(c, name) < math.inf, f"{name} must not be negative")
    for name in ("lr", "muon_lr", "discriminator_lr", "clip", "discriminator_clip"):
        need(0 < getattr(c, name) < math.inf, f"{name} must be positive")
    for part in ("encoder", "generator"):
        widths, blocks = getattr(c, f"{part}_channels"), getattr(c, f"{part}_blocks")
        need(
            len(widths) == len(blocks) == 3 and min(widths + blocks) >= 1,
            f"{part}_channels and {part}_blocks must be three positive numbers each",
        )
    need(
        len(c.discriminator_channels) == 4 and min(c.discriminator_channels) >= 1,
        "discriminator_channels must be four positive numbers",
    )
    need(
        len(c.rates) >= 1 and all(r % 2 == 0 and 2 <= r <= LATENT_CHANNELS for r in c.rates),
        f"rates must be even numbers of 2 to {LATENT_CHANNELS} latent channels",
    )
    need(
        len(c.rate_odds) == len(c.rates)
        and min(c.rate_odds) >= 0
        and 0 < sum(c.rate_odds) < math.inf,
        "rate_odds must be as many as rates, none negative, not all 0",
    )
    need(
        len(c.snr_db) == 2 and -20 <= c.snr_db[0] <= c.snr_db[1] <= 60,
        "snr_db must be [lowest, highest] within -20..60",
    )
    need(0 <= c.clipping_db <= 100, f"clipping_db = {c.clipping_db:g} must lie in 0..100 dB")
    for channels, snr_db, realism in c.validation_points:
        need(
            channels in range(2, LATENT_CHANNELS + 1, 2)
            and c.snr_db[0] <= snr_db <= c.snr_db[1]
            and 0 <= realism <= 1,
            f"validation_points: [{channels}, {snr_db:g}, {realism:g}] is outside of what is "
            "trained: [even latent channels, SNR within snr_db, realism in 0..1]",
        )
