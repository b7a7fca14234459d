# SPDX-License-Identifier: GPL-3.0-or-later
"""Running out of memory ends in one line that says what helps."""

# ruff: noqa: E402 - the imports must follow importorskip
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from percast.engines.training import memory
from percast.engines.training.data import crops
from percast.engines.training.records import checkpoint
from percast.engines.training.validation import Validation
from percast.errors import ModelError
from tests.engines.training.runs import train

MEMORY_ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory."),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    MemoryError(),
]


@pytest.fixture
def fill_up(monkeypatch):
    """(class, its method, error) -> the method fails from now on."""

    def fill_up(owner, method, error=MEMORY_ERRORS[0]):
        def full(*_, **__):
            raise error

        monkeypatch.setattr(owner, method, full)

    return fill_up


@pytest.mark.parametrize("error", MEMORY_ERRORS)
def test_running_out_of_memory_names_batch_and_size(tiny, tmp_path, fill_up, error):
    train(tiny(steps=4), tmp_path)
    fill_up(crops.HostCrops, "__call__", error)
    with pytest.raises(ModelError, match="batch = 4 crops of 64x64; .*: --set batch=2$") as raised:
        train(tiny(), tmp_path, resume=checkpoint.load_newest(tmp_path))
    assert raised.value.exit_code == 4
    assert "checkpoint-000000004.pt is whole" in str(raised.value)


def test_the_remedy_for_a_lack_of_memory_helps(tiny, tmp_path, fill_up):
    assert memory.smaller(tiny(batch=1, crop=192)) == "--set crop=96"
    assert memory.smaller(tiny(batch=1, crop=64)) == "--set crop=48"
    assert "--set" not in memory.smaller(tiny(batch=1, crop=48))
    fill_up(Validation, "__call__")
    with pytest.raises(ModelError, match="no checkpoint yet: .* validation_pictures=0"):
        train(tiny(validate_every=2), tmp_path / "a")
    fill_up(crops.HostCrops, "__init__")
    with pytest.raises(ModelError, match="no checkpoint yet: .* crops=host"):
        train(tiny(), tmp_path / "b")


def test_a_bug_is_not_taken_for_a_lack_of_memory(tiny, tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(crops.HostCrops, "__call__", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        train(tiny(), tmp_path)
