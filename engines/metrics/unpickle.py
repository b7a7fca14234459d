# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights out of pickles, by unpicklers that can make nothing but arrays. No torch.

Three kinds: arrays pickled by numpy; files of torch.save before torch 1.6; TorchScript archives.
"""

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

_NUMPY = {
    ("numpy.core.multiarray", "_reconstruct"): np.core.multiarray._reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
_FLOAT = "torch.FloatStorage"
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_TORCH_PROTOCOL = 1001


def arrays(data: bytes) -> Any:
    """What numpy arrays were pickled in: dictionaries, mostly.

    Raises:
        pickle.UnpicklingError: it holds anything but arrays.
    """
    return _Restricted(io.BytesIO(data), _NUMPY).load()


def torch_file(data: bytes) -> dict[str, np.ndarray]:
    """The float32 tensors of a dictionary saved by torch before version 1.6.

    Raises:
        pickle.UnpicklingError: it holds anything else, or is of another format.
    """
    stream = io.BytesIO(data)
    if _Restricted(stream, {}).load() != _TORCH_MAGIC:
        raise pickle.UnpicklingError("no file of torch.save before torch 1.6")
    if _Restricted(stream, {}).load() != _TORCH_PROTOCOL:
        raise pickle.UnpicklingError("another protocol of torch.save")
    _Restricted(stream, {}).load()  # byte order and sizes of the machine that wrote it
    storages: dict[str, np.ndarray] = {}

    def rebuild(key: str, offset: int, shape: tuple, strides: tuple, *_: Any) -> Callable:
        return lambda: _strided(
            storages[key], offset, shape, strides
        )  # what comes later in the file

    tree = _Restricted(stream, _torch(rebuild), _storage_key).load()
    for key in _Restricted(stream, {}).load():
        count = int.from_bytes(stream.read(8), "little")
        storages[key] = np.frombuffer(stream.read(4 * count), "<f4", count)
    return {name: tensor() for name, tensor in tree.items()}


def torchscript(data: bytes) -> dict[str, Any]:
    """The attributes of a TorchScript module by dotted names: float32 arrays and plain values.

    Raises:
        pickle.UnpicklingError: it holds anything else.
        zipfile.BadZipFile: no archive.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        root = archive.namelist()[0].partition("/")[0]

        def rebuild(key: str, offset: int, shape: tuple, strides: tuple, *_: Any) -> np.ndarray:
            storage = np.frombuffer(archive.read(f"{root}/data/{key}"), "<f4")
            return _strided(storage, offset, shape, strides)

        names = _torch(rebuild) | {("torch.jit._pickle", "build_intlist"): list}
        pickled = io.BytesIO(archive.read(f"{root}/data.pkl"))
        return _flat(_Restricted(pickled, names, _storage_key, modules=True).load())


class _Module:
    """Stands for any TorchScript class; its code is never looked at."""

    def __setstate__(self, state: dict) -> None:
        self.state = state


class _Restricted(pickle.Unpickler):
    """Resolves the names given, and TorchScript's own classes to `_Module` if there are any."""

    def __init__(
        self,
        stream: io.BytesIO,
        names: Mapping[tuple[str, str], Any],
        storage: Callable[[Any], str] | None = None,
        modules: bool = False,
    ):
        super().__init__(stream)
        self._names, self._storage, self._modules = names, storage, modules

    def find_class(self, module: str, name: str) -> Any:
        if self._modules and module.split(".")[0] == "__torch__":
            return _Module
        try:
            return self._names[module, name]
        except KeyError as error:
            raise pickle.UnpicklingError(f"{module}.{name} is no array") from error

    def persistent_load(self, pid: Any) -> str:
        if self._storage is None:
            raise pickle.UnpicklingError("no storage is expected here")
        return self._storage(pid)


def _torch(rebuild: Callable) -> dict[tuple[str, str], Any]:
    return {
        ("torch._utils", "_rebuild_tensor_v2"): rebuild,
        ("torch", "FloatStorage"): _FLOAT,
        ("collections", "OrderedDict"): OrderedDict,
    }


def _storage_key(pid: Any) -> str:
    kind, storage, key, *_ = pid
    if kind != "storage" or storage != _FLOAT:
        raise pickle.UnpicklingError(f"a storage of {storage} is not float32")
    return str(key)


def _strided(storage: np.ndarray, offset: int, shape: tuple, strides: tuple) -> np.ndarray:
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if min((offset, last, *shape, *strides)) < 0 or last >= len(storage):
        raise pickle.UnpicklingError("a tensor reaches beyond its storage")
    view = np.lib.stride_tricks.as_strided(
        storage[offset:], shape, [4 * step for step in strides], writeable=False
    )
    return np.array(view, np.float32)


def _flat(module: _Module, prefix: str = "") -> dict[str, Any]:
    found = {}
    for name, value in module.state.items():
        if isinstance(value, _Module):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
