# SPDX-License-Identifier: GPL-3.0-or-later
"""The radio factory: `--device` to a GNU Radio block of complex samples.

Files, processes of this machine, and radios (`radios/` has one module per driver). Drivers are
loaded when they are asked for.
"""

import importlib
from dataclasses import replace
from functools import partial

from percast.errors import DeviceError, PercastError
from percast.flowgraphs.radios.config import Radio, RadioConfig
from percast.flowgraphs.radios.explain import explain
from percast.flowgraphs.radios.safety.naming import check_there, check_words, hackrf_named
from percast.flowgraphs.radios.safety.stopping import woken_last
from percast.flowgraphs.radios.safety.watchman import Watchman

# The Debian package that brings what a module in `radios/` needs.
_PACKAGES = {"uhd": "gnuradio", "osmosdr": "gr-osmosdr", "soapy": "gnuradio"}


def open_source(config: RadioConfig) -> Radio:
    """A receiving device.

    Raises:
        UsageError: wrong options.
        DeviceError: no such radio, or it cannot be used.
        FileError: no such recording, or one that makes no sense.
    """
    if config.hardware:
        return _open_radio(config, transmit=False)
    local = importlib.import_module("percast.flowgraphs.radios.local")
    return (
        local.open_file_source(config) if config.device == "file" else local.open_zmq_source(config)
    )


def open_sink(config: RadioConfig) -> Radio:
    """A transmitting device.

    Raises:
        UsageError: wrong options.
        DeviceError: no such radio, or it cannot be used.
        FileError: the recording cannot be written.
    """
    if config.hardware:
        return _open_radio(config, transmit=True)
    local = importlib.import_module("percast.flowgraphs.radios.local")
    return local.open_file_sink(config) if config.device == "file" else local.open_zmq_sink(config)


def _open_radio(config: RadioConfig, transmit: bool) -> Radio:
    check_words(config, transmit)
    check_there(config, transmit)
    try:
        driver = importlib.import_module(f"percast.flowgraphs.radios.{config.device}")
    except ImportError as error:
        package = _PACKAGES[config.device]
        raise DeviceError(
            f"--device {config.device}: no driver ({error}); apt install {package}"
        ) from error
    try:
        radio = driver.open_radio(config, transmit)
    except PercastError:
        raise
    except Exception as error:  # noqa: BLE001 - drivers throw RuntimeError, ValueError and others
        raise DeviceError(explain(error, config, transmit)) from error
    return _watched(radio, config) if transmit else radio


def _watched(radio: Radio, config: RadioConfig) -> Radio:
    """A sink that does not stay on the air: a HackRF sends until it is told to stop."""
    if (name := hackrf_named(config)) is None:
        return radio
    watchman = Watchman(name)
    radio = replace(radio, watchman=watchman, close=partial(_close, radio, watchman))
    return replace(radio, stopping=woken_last) if radio.took["driver"] == "gr-osmosdr" else radio


def _close(radio: Radio, watchman: Watchman) -> None:
    radio.close()
    watchman.dismiss()
