# SPDX-License-Identifier: GPL-3.0-or-later
"""A metric is computed for every cell of a campaign, by the same weights, or for none."""

from pathlib import Path

import pytest

from percast.engines.evaluation import measure
from percast.errors import ModelError
from percast.tools.campaign import frozen, jobs
from percast.tools.campaign.checking import load_plan
from percast.tools.campaign.crews import Alone
from percast.tools.campaign.jobs import simulate
from percast.tools.campaign.remetric import Again, decode_again, remetric
from percast.tools.campaign.running import begin, plan_of
from percast.tools.campaign.running import jobs as jobs_of
from percast.tools.campaign.store import Store
from tests.tools.campaign import plans

TEXT = plans.SMALL.replace('model = "base"', f'codec = "{plans.GREY}"')
CHANGES = ("conditions.snr=6", "conditions.cbr=1/48", "pictures.frames=2",
           'campaign.metrics=["psnr", "lpips"]')  # fmt: skip


class Weights:
    """Of LPIPS, as if they lay in a file: a text, or None where they are not here."""

    def __init__(self, file: Path):
        self.file, self.text = file, None

    def find(self, metric: str):
        if self.text is None:
            return None
        self.file.write_text(self.text)
        return (self.file,)

    def open(self, names, threads):
        there = [name for name in names if name != "lpips" or self.text is not None]
        return {measure.METRICS[name]: lambda a, b: 0.5 for name in there}


@pytest.fixture
def weights(monkeypatch, tmp_path) -> Weights:
    found = Weights(tmp_path / "weights")
    monkeypatch.setattr(frozen, "find_weights", found.find)
    monkeypatch.setattr(measure, "open_metrics", found.open)
    monkeypatch.setattr(jobs, "_bench", None)
    return found


def half(photos: Path, folder: Path) -> Path:
    """A campaign of two shots, of which one is made."""
    path = folder / "half.sqlite"
    begin(path, load_plan(plans.write(folder, photos, TEXT), CHANGES))
    with Store.open(path, write=True) as store:
        store.done(simulate(next(jobs_of(store, plan_of(store)))))
    jobs._bench = None  # another day
    return path


def lpips(path: Path, decode: int = 0) -> list:
    with Store.open(path) as store:
        return [row["lpips"] for row in store.rows() if row["decode"] == decode]


@pytest.mark.parametrize(("now", "words"), [(None, "fetch-weights"), ("others", "restore")])
def test_with_weights_gone_or_changed_a_campaign_does_not_go_on(
    now, words, weights, small_photos, tmp_path
):
    weights.text = "learned"
    path = half(small_photos, tmp_path)
    weights.text = now
    with pytest.raises(ModelError, match=f"the weights of lpips are .*{words}"):
        plans.resume(path)
    weights.text = "learned"
    plans.resume(path)
    assert lpips(path) == [0.5, 0.5]


def test_what_began_without_weights_ends_without_and_remetric_follows(
    weights, small_photos, tmp_path, caplog
):
    path = half(small_photos, tmp_path)
    weights.text = "learned"
    plans.resume(path)
    assert lpips(path) == [None, None]
    assert "without lpips" in caplog.text and "remetric --metrics lpips" in caplog.text


def test_a_worker_without_weights_is_refused(weights, small_photos, tmp_path):
    weights.text = "learned"
    path = half(small_photos, tmp_path)
    with Store.open(path) as store:
        (job,) = jobs_of(store, plan_of(store))
    weights.text = None
    with pytest.raises(ModelError, match="lpips cannot be computed on"):
        simulate(job)


def test_a_pass_without_weights_is_not_taken_for_one_with(weights, small_photos, tmp_path):
    path = half(small_photos, tmp_path)
    plans.resume(path)
    passes = []
    for weights.text in (None, "learned", "learned"):
        jobs._bench = None
        with Store.open(path, write=True) as store:
            again, crew = Again(None, None, ("psnr", "lpips")), Alone(decode_again)
            passes.append(remetric(store, again, crew, False, lambda done: None)[0])
    assert passes == [1, 2, 2]
    assert lpips(path, 1) == [None, None] and lpips(path, 2) == [0.5, 0.5]
