# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks in int8, for processors without bfloat16: post-training quantisation with NNCF.

Made once, at build time, and kept in the user's cache; running one needs OpenVINO only. What is
quantised are the convolutions of the residual blocks and of the changes of scale, nine tenths of
the work. In float stay the first and the last convolutions and the linear path beside them, which
carry the picture itself, the conditioning, and the residual stream: with its additions quantised,
LPIPS rose by 0.26 at CBR 1/16.
"""

import contextlib
import hashlib
import io
import logging
import sys
import tempfile
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from percast.engines.codecs.contract import NoiseVariance, Picture, Symbols
from percast.engines.codecs.learned import LearnedCodec
from percast.engines.evaluation.symbol_channel import SymbolChannel
from percast.engines.manifest import Model
from percast.engines.runtimes import int8_networks
from percast.engines.runtimes.choose import open_engine
from percast.engines.runtimes.engine import FloatArray
from percast.engines.runtimes.plan_cache import Key, Plan, PlanCache
from percast.errors import ModelError, UsageError, one_line

try:
    # OpenVINO's runtime module first: it keeps both packages from reporting home.
    import nncf
    from nncf.quantization.range_estimator import (
        AggregatorType,
        RangeEstimatorParameters,
        StatisticsCollectorParameters,
        StatisticsType,
    )

    from percast.engines.runtimes.openvino import openvino, read_network
except ImportError as error:
    raise ModelError(
        f"quantisation to int8 needs NNCF ({error}): pip install 'percast[int8]'"
    ) from error

Inputs = dict[str, FloatArray]

CROP, CROPS = 192, 100
"""Pixels and number of the crops to calibrate on."""

_OUTLIERS = 1e-4
"""Share of a crop's activations that may be clipped. Ranges must hold for the loudest rate: with
the mean over all crops instead of their maximum, LPIPS rose by 0.006 at CBR 1/16."""


def calibration_inputs(
    model: Model, pictures: Sequence[Picture], crops: int = CROPS, threads: int = 1, seed: int = 0
) -> dict[str, list[Inputs]]:
    """What both networks see on a link: crops of pictures over all rates, SNRs and realisms.

    Half of the latents go through AWGN and half through fading; a third loses some symbols.

    Args:
        pictures: uint8 [H, W, 3], sides of 64 pixels and more.

    Returns:
        For each crop, the inputs of "encoder" and of "generator".

    Raises:
        UsageError: no pictures, or one that is too small.
        ModelError: the networks cannot be run.
    """
    if not pictures:
        raise UsageError("quantisation needs pictures to calibrate on: give a folder of them")
    rng = np.random.default_rng(seed)
    encoder = _Recorder(model.encoder.path, threads)
    generator = _Recorder(model.generator.path, threads)
    rates = list(model.rates)
    codec = LearnedCodec(model, rates[0], model.snr_db[0], engines=(encoder, generator))
    try:
        for number in range(crops):
            snr_db = rng.uniform(*model.snr_db)
            realism = float(rng.choice([0, 1, rng.random()]))
            cbr: Fraction = rates[number % len(rates)]
            here = codec.at(cbr, snr_db, realism)
            coded, symbols = here.encode(_crop(pictures[number % len(pictures)], rng))
            here.decode(coded, *_transmit(symbols, snr_db, rng, number))
    finally:
        encoder.engine.close()
        generator.engine.close()
    return {"encoder": encoder.seen, "generator": generator.seen}


def quantise(network: Path, calibration: Sequence[Inputs]) -> bytes:
    """A network in int8, packed as `int8_networks.pack` does.

    Args:
        network: the ONNX file.
        calibration: inputs to take the ranges of activations from.

    Raises:
        ModelError: the network cannot be read or quantised.
    """
    # Not by nncf.set_log_level, which raises the level of other handlers too (seen with pytest's).
    logging.getLogger("nncf").setLevel(logging.ERROR)
    model = read_network(network)
    edges = _edges(model)
    ranges = {
        end: StatisticsCollectorParameters(
            statistics_type=StatisticsType.QUANTILE,
            aggregator_type=aggregator,
            quantile_outlier_prob=_OUTLIERS,
        )
        for end, aggregator in (("min", AggregatorType.MIN), ("max", AggregatorType.MAX))
    }
    try:
        # Its progress bars are no data, and nobody sees them but on a terminal.
        progress = sys.stderr if sys.stderr.isatty() else io.StringIO()
        with contextlib.redirect_stdout(progress):
            quantised = nncf.quantize(
                model,
                nncf.Dataset(calibration),
                subset_size=len(calibration),
                preset=nncf.QuantizationPreset.MIXED,  # activations are not symmetric
                target_device=nncf.TargetDevice.CPU,
                ignored_scope=nncf.IgnoredScope(names=edges, types=["MatMul", "Add", "Multiply"]),
                advanced_parameters=nncf.AdvancedQuantizationParameters(
                    # Without VNNI, sums of two products of full range overflow 16 bits.
                    overflow_fix=nncf.OverflowFix.ENABLE,
                    activations_range_estimator_params=RangeEstimatorParameters(**ranges),
                ),
            )
    except Exception as error:  # NNCF's exceptions share no base class but this
        raise ModelError(f"{network} cannot be quantised: {one_line(error)}") from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.xml"
        openvino.save_model(quantised, path, compress_to_fp16=False)
        return int8_networks.pack(path.read_bytes(), path.with_suffix(".bin").read_bytes())


def obtain(
    model: Model,
    pictures: Sequence[Picture],
    threads: int = 1,
    cache: PlanCache | None = None,
    any_will_do: bool = False,
) -> dict[str, tuple[Key, Plan]]:
    """Both networks of a model in int8, from the cache or quantised now.

    Args:
        pictures: to calibrate on; see `calibration_inputs`.
        any_will_do: also those in the cache that were calibrated on other pictures.

    Returns:
        Key and plan by "encoder" and "generator".

    Raises:
        UsageError, ModelError: see `calibration_inputs` and `quantise`.
    """
    cache = cache or PlanCache()
    digest = hashlib.sha256(b"".join(picture.tobytes() for picture in pictures)).hexdigest()
    calibration: dict[str, list[Inputs]] = {}
    obtained = {}
    for role in ("encoder", "generator"):
        network = getattr(model, role).path

        def build(role: str = role, network: Path = network) -> bytes:
            if not calibration:
                calibration.update(calibration_inputs(model, pictures, threads=threads))
            return quantise(network, calibration[role])

        def fits(found: Plan) -> bool:
            return any_will_do or found.details.get("pictures") == digest

        key = int8_networks.key_for(network)
        details = {"network": f"{model.name} {role}", "pictures": digest}
        obtained[role] = key, cache.obtain(key, build, details, fits)
    return obtained


class _Recorder:
    """An engine in fp32 that keeps what it was given."""

    def __init__(self, network: Path, threads: int):
        self.engine = open_engine(network, "openvino", "fp32", threads)
        self.inputs = self.engine.inputs
        self.seen: list[Inputs] = []

    def run(self, inputs: Inputs) -> Inputs:
        self.seen.append({name: np.array(inputs[name], np.float32) for name in self.inputs})
        return self.engine.run(inputs)


def _crop(picture: Picture, rng: np.random.Generator) -> Picture:
    y, x = (int(rng.integers(0, max(1, side - CROP + 1))) for side in picture.shape[:2])
    return picture[y : y + CROP, x : x + CROP]


def _transmit(
    symbols: Symbols, snr_db: float, rng: np.random.Generator, number: int
) -> tuple[Symbols, NoiseVariance]:
    """Symbols of the crop of a number as they arrive, with the noise variance of each."""
    fading = "rayleigh" if rng.random() < 0.5 else "awgn"
    law = SymbolChannel(fading, rng.uniform(0, 0.4) if rng.random() < 1 / 3 else 0.0)
    return law.propagate(symbols, snr_db, law.air(symbols.size, number))


def _edges(model: "openvino.Model") -> list[str]:
    """Names of the convolutions nearest to the picture and to the latent, on either side."""
    names = {
        node.get_friendly_name()
        for port in model.inputs
        if port.get_partial_shape().rank.get_length() == 4
        for node in _nearest([target.get_node() for target in port.get_target_inputs()], _outputs)
    }
    results = [_inputs(result) for result in model.get_results()]
    names |= {node.get_friendly_name() for nodes in results for node in _nearest(nodes, _inputs)}
    return sorted(names)


def _nearest(nodes: Iterable, follow) -> list:
    """The first convolutions on every way from some nodes on."""
    found = []
    for node in nodes:
        if node.get_type_name() != "Convolution":
            found += _nearest(follow(node), follow)
            continue
        found.append(node)
        if _is_one_hot(node):  # PixelBlocks only sorts pixels: what follows it is the first
            found += _nearest(follow(node), follow)
    return found


def _is_one_hot(node) -> bool:
    weights = node.input_value(1).get_node()
    while weights.get_type_name() == "Convert":
        weights = weights.input_value(0).get_node()
    return weights.get_type_name() == "Constant" and bool(np.isin(weights.data, (0, 1)).all())


def _inputs(node) -> list:
    values = [node.input_value(index).get_node() for index in range(node.get_input_size())]
    return [value for value in values if value.get_type_name() not in ("Constant", "Parameter")]


def _outputs(node) -> list:
    return [target.get_node() for port in node.outputs() for target in port.get_target_inputs()]
