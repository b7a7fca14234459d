# SPDX-License-Identifier: GPL-3.0-or-later
"""What a codec without realism sends is decoded once, however many are asked for."""

import contextlib
from collections import Counter
from pathlib import Path

import pytest

from percast.engines.codecs.registry import has_realism
from percast.tools.campaign.checking import load_plan
from percast.tools.campaign.crews import Alone
from percast.tools.campaign.layout import outlook
from percast.tools.campaign.remetric import Again, decode_again, remetric
from percast.tools.campaign.store import Store
from percast.tools.campaign_report.analysis.measured import load
from percast.tools.study.cells import conditions_of
from tests.tools.campaign import plans
from tests.tools.campaign.first_stores import as_first

TEXT = (
    plans.SMALL.replace('model = "base"', f'codec = "{plans.GREY}"')
    + '[[codec]]\ncodec = "jpeg-ldpc"\ncbr = "1/6"\n'
)
CHANGES = ("conditions.snr=20", "conditions.cbr=1/48", "conditions.realism=[1, 0.5]",
           "pictures.frames=2")  # fmt: skip


@pytest.fixture(scope="module")
def plan(small_photos, tmp_path_factory) -> Path:
    """Of a codec that may have realism, for nobody knows, and one that has none."""
    return plans.write(tmp_path_factory.mktemp("plan"), small_photos, TEXT)


@pytest.fixture(scope="module")
def made(plan, tmp_path_factory) -> Path:
    return plans.run(tmp_path_factory.mktemp("made") / "made.sqlite", plan, *CHANGES)


def realisms(path: Path, decode: int = 0) -> Counter:
    with Store.open(path) as store:
        rows = [row for row in store.rows() if row["decode"] == decode]
    assert not any(row["error"] for row in rows)
    return Counter((row["codec"], row["realism"]) for row in rows)


def test_only_digital_codecs_are_known_to_have_none():
    names = ("learned", "hevc-ldpc", "vvc-ldpc", "jpeg-ldpc", "webp-ldpc", plans.GREY)
    assert [name for name in names if has_realism(name)] == ["learned", plans.GREY]


def test_it_is_one_cell_in_the_outlook_and_in_the_store(made, plan):
    assert realisms(made) == {(plans.GREY, 1.0): 2, (plans.GREY, 0.5): 2, ("jpeg-ldpc", None): 2}
    assert outlook(load_plan(plan, CHANGES)).cells == 6


def test_it_is_one_curve_in_a_report_and_one_condition_in_a_study(made):
    with Store.open(made) as store:
        codes = load(store).codes
    assert [code.name.partition(" (")[0] for code in codes if code.codec == "jpeg-ldpc"] == [
        "jpeg-ldpc"
    ]
    for asked, count in (([], 3), ([("realism", ("1",))], 2)):
        with contextlib.ExitStack() as stack:
            _, conditions, remarks = conditions_of(stack, made, asked)
        assert "jpeg-ldpc@1/6" in conditions and len(conditions) == count
        assert remarks == [] or remarks[0].startswith("realism differs (0.5, 1) and")


def test_decoded_again_at_another_realism_it_still_has_none(made):
    asked = Again(0.25, None, ("psnr",))
    with Store.open(made, write=True) as store:
        number, _ = remetric(store, asked, Alone(decode_again), False, lambda done: None)
    assert realisms(made, number) == {(plans.GREY, 0.25): 2, ("jpeg-ldpc", None): 2}


def test_in_a_store_of_the_first_percast_its_cells_are_one_condition(plan, tmp_path):
    """There it was decoded at each realism; such a campaign can still be gone on with."""
    first = as_first(plans.run(tmp_path / "x.sqlite", plan, *CHANGES))
    with Store.open(first, write=True) as store:
        (number,) = store._db.execute("SELECT max(cell) FROM cells").fetchone()
        store._db.execute(
            "INSERT INTO main.cells SELECT ? + row_number() OVER (), shot, 0.5 FROM shots "
            "JOIN conditions USING (condition) WHERE codec = 'jpeg-ldpc'",
            (number,),
        )
        for table in ("decodes", "equalised", "arrivals"):
            store._db.execute(f"DELETE FROM main.{table}")
    plans.resume(first)
    assert realisms(first)["jpeg-ldpc", None] == 4
    with Store.open(first) as store:
        assert len([code for code in load(store).codes if code.codec == "jpeg-ldpc"]) == 1
    with contextlib.ExitStack() as stack:
        _, conditions, _ = conditions_of(stack, first, [])
    assert [name for name in conditions if "jpeg" in name] == ["jpeg-ldpc@1/6"]
