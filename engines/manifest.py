# SPDX-License-Identifier: GPL-3.0-or-later
"""A model: a folder with two ONNX networks and the `manifest.json` that describes them.

The manifest's own hash identifies the model on the air, and the manifest holds the hashes of the
networks, so two ends whose ids agree run the same weights.
"""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

from percast.errors import ModelError, one_line

FORMAT = 3
FILE_NAME = "manifest.json"
SHIPPED = Path(__file__).parent / "models"

INPUTS = {
    "encoder": ("image", "condition"),
    "generator": ("latent", "reliability", "condition"),
}
OUTPUTS = {"encoder": ("latent",), "generator": ("image",)}


@dataclass(frozen=True)
class Network:
    """One ONNX file.

    Attributes:
        path: of the file.
        sha256: hexadecimal, of the file.
        inputs, outputs: name -> shape; a dimension is a number or, where it varies, a letter.
    """

    path: Path
    sha256: str
    inputs: Mapping[str, tuple[int | str, ...]]
    outputs: Mapping[str, tuple[int | str, ...]]


@dataclass(frozen=True)
class Model:
    """A loaded and checked manifest.

    Attributes:
        name: of the model.
        id: first 4 bytes of the manifest file's SHA-256; what the air header carries.
        folder: where it lies.
        description, licence: one line each, for people.
        latent_channels: real channels at the highest rate; two make one complex symbol.
        stride: pixels per latent position, in both directions.
        rates: nominal channel bandwidth ratio -> latent channels, the usual ones only.
        snr_db: lowest and highest SNR that the model was trained for.
        realism: of the generator, that the dial's 0 and 1 stand for; 0 to 1 where the manifest does
            not say.
        encoder, generator: its networks.
        training: how it was made; free form.
    """

    name: str
    id: bytes
    folder: Path
    description: str
    licence: str
    latent_channels: int
    stride: int
    rates: Mapping[Fraction, int]
    snr_db: tuple[float, float]
    realism: tuple[float, float]
    encoder: Network
    generator: Network
    training: Mapping[str, Any]


def list_models() -> list[str]:
    """Names of the shipped models, sorted."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{FILE_NAME}"))


def load_model(name_or_path: str | Path) -> Model:
    """Loads a shipped model by name, or any by its folder or manifest file.

    Raises:
        ModelError: unknown, damaged, incomplete, or a network that is not the one described.
    """
    manifest = _find(name_or_path)
    try:
        raw = manifest.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {manifest}: {error.strerror}") from error
    try:
        data = json.loads(raw)
    except ValueError as error:
        raise ModelError(
            f"{manifest} is damaged ({one_line(error)}): restore it, or export the model again"
        ) from error
    return _parse(data, manifest, hashlib.sha256(raw).digest()[:4])


def named_by(identity: bytes, beside: str | Path = "") -> str | None:
    """What `load_model` takes for the model that an id on the air names; None if it is not here.

    Only manifests are read, so that looking costs little; loading checks the networks.

    Args:
        identity: 4 bytes of a header.
        beside: a model's name or folder: models that lie beside such a folder count too.
    """
    folders = [SHIPPED]
    with contextlib.suppress(ModelError):
        folders.append(_find(beside).parent.parent)
    for manifest in (path for folder in folders for path in sorted(folder.glob(f"*/{FILE_NAME}"))):
        with contextlib.suppress(OSError):
            if hashlib.sha256(manifest.read_bytes()).digest()[:4] == identity:
                return str(manifest.parent)
    return None


def model_files(name_or_path: str | Path) -> list[Path]:
    """What lies in a model's folder; nothing for a name that a codec of one's own understands."""
    try:
        folder = _find(name_or_path).parent
    except ModelError:
        return []
    return [path for path in folder.iterdir() if path.is_file()]


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _find(name_or_path: str | Path) -> Path:
    shipped = SHIPPED / str(name_or_path) / FILE_NAME
    if str(name_or_path) in list_models():
        return shipped
    path = Path(name_or_path)
    if path.is_dir():
        path = path / FILE_NAME
    if path.is_file():
        return path
    raise ModelError(
        f"no model '{name_or_path}': use one of {', '.join(list_models())}, "
        f"or the folder of an exported model (with a {FILE_NAME} in it)"
    )


def _parse(data: Any, manifest: Path, identity: bytes) -> Model:
    fields = _Fields(data, manifest)
    if (found := fields.get("format", int)) != FORMAT:
        raise ModelError(
            f"{manifest} has format {found}, this version of percast reads {FORMAT}: "
            "export the model again, or update percast"
        )
    channels = fields.get("latent_channels", int)
    stride = fields.get("stride", int)
    if channels < 2 or channels % 2 or stride < 1:
        raise fields.wrong(f"{channels} latent channels at stride {stride}")
    networks = _Fields(fields.get("networks", dict), manifest)
    return Model(
        name=fields.get("name", str),
        id=identity,
        folder=manifest.parent,
        description=fields.get("description", str),
        licence=fields.get("licence", str),
        latent_channels=channels,
        stride=stride,
        rates=_rates(fields, channels),
        snr_db=_range(fields, "snr_db"),
        realism=_range(fields, "realism") if "realism" in data else (0.0, 1.0),
        encoder=_network(networks, "encoder"),
        generator=_network(networks, "generator"),
        training=MappingProxyType(fields.get("training", dict)),
    )


def _range(fields: "_Fields", key: str) -> tuple[float, float]:
    low, high = fields.numbers(key, 2)
    if not low <= high:
        raise fields.wrong(f"'{key}' runs from {low} to {high}")
    return low, high


def _rates(fields: "_Fields", most: int) -> Mapping[Fraction, int]:
    rates = {}
    for text, channels in fields.get("rates", dict).items():
        try:
            rate = Fraction(text)
        except (ValueError, ZeroDivisionError) as error:
            raise fields.wrong(f"the rate '{text}'") from error
        if type(channels) is not int or channels % 2 or not 2 <= channels <= most:
            raise fields.wrong(f"{channels!r} channels for the rate {text}")
        rates[rate] = channels
    if not rates:
        raise fields.wrong("no rates")
    return MappingProxyType(dict(sorted(rates.items())))


def _network(networks: "_Fields", role: str) -> Network:
    fields = _Fields(networks.get(role, dict), networks.manifest)
    name = fields.get("file", str)
    path = networks.manifest.parent / name
    if Path(name).name != name:
        raise fields.wrong(f"the file name '{name}' (it must lie beside the manifest)")
    network = Network(
        path=path,
        sha256=fields.get("sha256", str),
        inputs=fields.shapes("inputs", INPUTS[role]),
        outputs=fields.shapes("outputs", OUTPUTS[role]),
    )
    try:
        found = sha256_of(path)
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read ({error.strerror}): restore it, or export the model again"
        ) from error
    if found != network.sha256:
        raise ModelError(
            f"{path} is not the file its manifest describes (SHA-256 {found[:12]}..., expected "
            f"{network.sha256[:12]}...): restore it, or export the model again"
        )
    return network


class _Fields:
    """Typed access to one JSON object of a manifest; whatever is wrong becomes a `ModelError`."""

    def __init__(self, data: Any, manifest: Path):
        self.manifest = manifest
        if not isinstance(data, dict):
            raise self.wrong(f"{type(data).__name__} where an object belongs")
        self._data = data

    def wrong(self, what: str) -> ModelError:
        return ModelError(
            f"{self.manifest} is damaged: it has {what}; restore it, or export the model again"
        )

    def get(self, key: str, kind: type) -> Any:
        value = self._data.get(key)
        # `type`, not isinstance: True is no number of channels.
        if type(value) is not kind:
            raise self.wrong(f"no '{key}' of type {kind.__name__}")
        return value

    def numbers(self, key: str, count: int) -> tuple[float, ...]:
        values = self.get(key, list)
        if len(values) != count or any(type(value) not in (int, float) for value in values):
            raise self.wrong(f"no '{key}' of {count} numbers")
        return tuple(map(float, values))

    def shapes(self, key: str, names: tuple[str, ...]) -> Mapping[str, tuple[int | str, ...]]:
        shapes = self.get(key, dict)
        if set(shapes) != set(names):
            raise self.wrong(f"'{key}' {sorted(shapes)} where {sorted(names)} belong")
        if any(type(shape) is not list for shape in shapes.values()):
            raise self.wrong(f"'{key}' without shapes")
        return MappingProxyType({name: tuple(shape) for name, shape in shapes.items()})
