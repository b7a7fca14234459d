# SPDX-License-Identifier: GPL-3.0-or-later
"""`open_codec`: the way to a codec, by name; and how a receiver finds one by the header's id.

A name is one of percast's own, one of the entry-point group `percast.codecs` of an installed
package, or `package.module:Class`, which is looked for in the working folder too. Only the codec
that is opened is imported.
"""

import importlib
import importlib.util
import os
import sys
from collections.abc import Collection
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from percast.engines.codecs.checked import Checked, told
from percast.engines.codecs.config import DEFAULTS, CodecConfig
from percast.engines.codecs.contract import OWN_IDS, ROLES, Codec
from percast.errors import ModelError, PercastError, UsageError

_DIGITAL = "percast.engines.codecs.digital.codec"
BUILT_IN = MappingProxyType(
    {
        1: ("learned", "percast.engines.codecs.learned:LearnedCodec"),
        2: ("hevc-ldpc", f"{_DIGITAL}:HevcLdpc"),
        3: ("vvc-ldpc", f"{_DIGITAL}:VvcLdpc"),
        4: ("jpeg-ldpc", f"{_DIGITAL}:JpegLdpc"),
        5: ("webp-ldpc", f"{_DIGITAL}:WebpLdpc"),
    }
)
"""Codec id -> name and class of the codecs that come with percast."""

_OURS = MappingProxyType(dict(BUILT_IN.values()))

GROUP = "percast.codecs"
"""Of the entry points by which installed packages bring codecs."""


def open_codec(name: str, config: CodecConfig = DEFAULTS, roles: Collection[str] = ROLES) -> Codec:
    """Opens a codec; close it.

    Args:
        name: see above; `config.codec` is not used.
        config: what is asked of it.
        roles: "encode", "decode" or both.

    Raises:
        UsageError: no such codec, or something that it does not have.
        ModelError: it cannot be imported or opened.
    """
    found = _class_of(name)
    if name in _OURS:
        return found.open(config, roles)
    try:
        return Checked(found.open(config, roles))
    except PercastError:
        raise
    except Exception as error:
        raise ModelError(f"codec '{name}' cannot be opened: {told(error)}") from error


def list_codecs() -> list[str]:
    """Names of percast's own codecs and of the installed ones."""
    return [*_OURS, *sorted(_entry_points())]


def names_of(codec_id: int) -> list[str]:
    """Names of the codecs of an id, as headers carry it.

    Raises:
        UsageError, ModelError: an installed codec is none, or cannot be imported.
    """
    if codec_id in BUILT_IN:
        return [BUILT_IN[codec_id][0]]
    return [name for name in sorted(_entry_points()) if _installed(name).codec_id == codec_id]


def model_named(name: str, model_id: bytes, config: CodecConfig) -> str | None:
    """What a codec's `--model` must be to decode what a header's model id names; None if it is not
    here, or the codec has no models.

    Raises:
        UsageError, ModelError: it is no codec, or cannot be imported.
    """
    return _class_of(name).model_named(model_id, config)


def has_realism(name: str) -> bool:
    """See `Codec.has_realism`.

    Raises:
        UsageError, ModelError: it is no codec, or cannot be imported.
    """
    return _class_of(name).has_realism


def _class_of(name: str) -> type[Codec]:
    if name in _OURS:
        return _load(name, _OURS[name])
    return _load(name, name) if ":" in name else _installed(name)


def _entry_points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _installed(name: str) -> type[Codec]:
    points = _entry_points()
    if name not in points:
        raise UsageError(
            f"there is no codec '{name}': use one of {', '.join(list_codecs())}, "
            "or your own class as package.module:Class"
        )
    return _load(name, points[name].value)


def _load(name: str, location: str) -> type[Codec]:
    """The class at "package.module:Class", if it is a codec's."""
    module_name, _, class_name = location.partition(":")
    module = _import(name, module_name)
    found = module
    for part in class_name.split("."):
        found = getattr(found, part, None)
    if found is None:
        codecs = [k for k, v in vars(module).items() if _is_codec(v) and v is not Codec]
        there = f"; it has {', '.join(codecs)}" if codecs else ""
        raise UsageError(f"codec '{name}': {module_name} has no class '{class_name}'{there}")
    if not _is_codec(found):
        raise UsageError(
            f"codec '{name}' is none: derive the class from {Codec.__module__}.{Codec.__name__}"
        )
    ours = any(location == place for _, place in BUILT_IN.values())
    if not ours and found.codec_id not in OWN_IDS:
        raise UsageError(
            f"codec '{name}' has the id {found.codec_id!r}: those of your own are "
            f"{OWN_IDS[0]} to {OWN_IDS[-1]}"
        )
    return found


def _import(name: str, module_name: str):
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)  # last, so that no file there stands in for a package
    try:
        if module_name and importlib.util.find_spec(module_name):
            return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # A package above it may be what is missing; anything else is the module's own affair.
        if not f"{module_name}.".startswith(f"{error.name}."):
            raise ModelError(f"codec '{name}' cannot be imported: {told(error)}") from error
    except Exception as error:
        raise ModelError(f"codec '{name}' cannot be imported: {told(error)}") from error
    raise UsageError(
        f"codec '{name}': there is no module '{module_name}', neither installed nor in {here}"
    )


def _is_codec(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, Codec)
