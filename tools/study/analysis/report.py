# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a study: one page."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median

import numpy as np

from percast import __version__
from percast.tools.pages import (
    Axis,
    Block,
    Facts,
    Figure,
    Page,
    Panel,
    Point,
    Prose,
    Section,
    Series,
    Table,
)
from percast.tools.statistics.wording import percent
from percast.tools.study.analysis import rule
from percast.tools.study.analysis.equality import Equality
from percast.tools.study.analysis.power import Size
from percast.tools.study.analysis.results import Results
from percast.tools.study.analysis.rule import Verdict
from percast.tools.study.analysis.scores import margin_text
from percast.tools.study.answers import Answer
from percast.tools.study.plan import Folder, Study
from percast.tools.study.ratios import too_few
from percast.tools.study.schedule import CATCH, PAIR, REPEAT, trials_of

_CURVE = 41  # points
_NONE = "\N{EN DASH}"
_MOST_NAMES = 20


def make_page(
    folder: Folder,
    answers: Sequence[Answer],
    verdicts: Sequence[Verdict],
    results: Results,
    everybody: Results,
    displays: Sequence[Mapping[str, float]],
    simulated: str | None,
    sizes: Sequence[Size] = (),
) -> Page:
    """The page.

    Args:
        everybody: results with those who were left out.
        displays: what the display check found, of each observer who began.
        simulated: what observers were simulated; None for people.
        sizes: of `power.plan`.
    """
    study = folder.study
    out = len(verdicts) - results.tally.observers
    lead = (
        f"{results.tally.observers} observers compared pictures in pairs: “{study.words}” "
        f"{len(results.tally.pair)} answers about {len(study.pictures)} pictures count"
        f"{f'; {out} more observers are left out by the rule below' if out else ''}."
    )
    banner = ""
    if simulated:
        banner = (
            f"SIMULATED: {simulated}. Nobody was asked; this shows what a study would look like."
        )
        lead = f"Simulated. {lead}"
    sections = []
    missing = list(too_few(study))
    if results.equal or missing:
        sections.append(_equal_section(results, missing))
    sections += [
        _scores_section(study, results),
        _observers_section(study, verdicts, results, everybody),
    ]
    if sizes:
        sections.append(_power_section(results, sizes))
    sections.append(_method_section(study, answers, displays))
    about = {
        "study": folder.path.resolve().name,
        "sha256 of study.json": folder.sha256,
        "percast": __version__,
        "observers": "simulated" if simulated else "people",
    }
    if simulated:
        sections = [replace(s, blocks=[_marked(block) for block in s.blocks]) for s in sections]
    return Page(study.title, lead, sections, about, banner)


def _marked(block: Block) -> Block:
    """As simulated, for figures and tables are taken away from their page."""
    if isinstance(block, Figure):
        return replace(block, title=f"Simulated: {block.title}", name=f"simulated-{block.name}")
    if isinstance(block, Table):
        return replace(block, caption=f"Simulated: {block.caption}", name=f"simulated-{block.name}")
    return block


def _equal_section(results: Results, missing: Sequence[str]) -> Section:
    tiles: dict[str, object] = {}
    blocks: list[Block] = [Prose(f"{words}.", "warning") for words in missing]
    for found in results.equal:
        name = f"Bandwidth of {found.ours}, of {found.theirs}'s, where people find both equal"
        remark = f"{found.remark}; " if found.remark else ""
        tiles[name] = (found.brief, f"{remark}95% interval: {found.interval}")
        if found.bound != "unknown":
            name = f"Share of {found.theirs}'s bandwidth that {found.ours} saves"
            saved = found.saved
            remark = f"{saved.remark}; " if saved.remark else remark
            tiles[name] = (saved.brief, f"{remark}95% interval: {saved.interval}")
    if tiles:
        blocks.append(Facts(tiles, large=True))
    blocks += [_curve(number, found) for number, found in enumerate(results.equal)]
    for found in results.equal:
        if rates := found.differing(results.equal_at):
            blocks.append(Prose(f"{rates}.", "warning"))
    if results.equal_at:
        caption = "At each rate by itself; of so many intervals one in twenty may miss the truth."
        rows = [
            (
                f"{e.theirs} at {e.rate}",
                e.ours,
                e.brief,
                e.interval,
                f"{percent(e.least)} to {percent(e.most)}",
            )
            for e in results.equal_at
        ]
        heads = ("Compared with", "code", "needs of its bandwidth", "95% interval", "compared")
        blocks.append(Table(caption, heads, rows, "equal-at"))
    return Section("equal", "Equal to the eye", blocks)


def _percent(low: float, high: float) -> str:
    return f"{low:.0%} to {high:.0%}"


def _curve(number: int, found: Equality) -> Figure:
    x = np.linspace(np.log(found.least), np.log(found.most), _CURVE)
    share, low, high = found.band(x)
    known = found.known
    line = [
        Point(
            100 * float(np.exp(at)), 100 * y, 100 * a if known else None, 100 * b if known else None
        )
        for at, y, a, b in zip(x, share, low, high, strict=True)
    ]
    dots = [
        Point(100 * float(np.exp(at)), 100 * y, note=f"{y:.0%} of {n:g} answers")
        for at, y, n in found.points
    ]
    panel = Panel(
        f"{found.ours} and {found.theirs}",
        Axis(f"bandwidth of {found.ours}, % of {found.theirs}'s", log=True),
        Axis(f"prefer {found.ours}, %", low=0, high=100),
        [
            Series("fit with its 95% interval", 0, line, marks=False),
            Series("answers", 1, dots, line=False),
        ],
        {50: "equal"},
    )
    rows = [(float(np.exp(at)), float(y), int(n)) for at, y, n in found.points]
    return Figure(
        f"equal-{number}",
        f"How many prefer {found.ours} to {found.theirs}, over its bandwidth",
        [panel],
        ("ratio of bandwidths", "share that prefers it", "answers"),
        rows,
        "Where the curve crosses one half, people find both codes equal; where its band does, "
        "that may be. Nothing is said beyond the ratios that were compared.",
    )


def _scores_section(study: Study, results: Results) -> Section:
    values, margins = results.in_jod
    finite = np.isfinite(margins).all()
    order = np.argsort(-values)
    rows = [
        (
            study.conditions[i].name, f"{values[i]:+.2f}",
            f"{values[i] - margins[i]:+.2f} to {values[i] + margins[i]:+.2f}" if finite else _NONE,
        )
        for i in order
    ]  # fmt: skip
    blocks: list[Block] = []
    if figure := _scores_figure(study, values, margins if finite else None):
        blocks.append(figure)
    blocks.append(
        Table(
            "Scores of the conditions, the best first. Of two that differ by 1, the better one is "
            "preferred by 75%; the mean is 0.",
            ("Condition", "score", "95% interval"),
            rows,
            "score-table",
            ("condition", "score_logit", "margin_logit"),
            [
                (c.name, float(v), float(m))
                for c, v, m in zip(
                    study.conditions, results.scores.value, results.scores.margin, strict=True
                )
            ],
        )
    )
    pairs = [
        (
            study.conditions[each.first].name, study.conditions[each.second].name,
            f"{each.share:.0%}", _percent(each.low, each.high), each.answers,
        )
        for each in results.preferences if each.answers
    ]  # fmt: skip
    heads = ("Condition", "against", "prefer the former", "95% interval", "answers")
    caption = "Every pair that was compared; of so many intervals one in twenty may miss the truth."
    blocks.append(Table(caption, heads, pairs, "pairs"))
    return Section("scores", "Scores and preferences", blocks)


def _scores_figure(study: Study, values, margins) -> Figure | None:
    rated: dict[str, list[int]] = {}
    for number, condition in enumerate(study.conditions):
        if condition.cbr:
            rated.setdefault(condition.code, []).append(number)
    if not rated:
        return None
    series, ticks = [], {}
    for look, (code, numbers) in enumerate(rated.items()):
        points = []
        for i in sorted(numbers, key=lambda i: study.conditions[i].cbr):
            condition, margin = study.conditions[i], None if margins is None else margins[i]
            ticks[condition.cbr] = condition.rate
            low, high = (None, None) if margin is None else (values[i] - margin, values[i] + margin)
            note = f"{condition.name}: {values[i]:+.2f}"
            points.append(Point(condition.cbr, values[i], low, high, note=note))
        series.append(Series(code, look, points))
    panel = Panel("", Axis("channel bandwidth ratio", log=True, ticks=ticks), Axis("score"), series)
    rows = [
        (s.name, p.x, float(p.y), None if p.low is None else float(p.low),
         None if p.high is None else float(p.high))
        for s in series for p in s.points
    ]  # fmt: skip
    heads = ("code", "channel bandwidth ratio", "score", "low", "high")
    return Figure("scores", "Scores over bandwidth", [panel], heads, rows)


def _observers_section(
    study: Study, verdicts: Sequence[Verdict], results: Results, everybody: Results
) -> Section:
    def share(value: float | None) -> str:
        return _NONE if value is None else f"{value:.0%}"

    rows = [
        (
            v.slot + 1, share(v.done), share(v.catch), share(v.repeat), share(v.side),
            f"{v.reaction_s:.1f} s", "counts" if v.stays else "left out",
        )
        for v in verdicts
    ]  # fmt: skip
    heads = (
        "Observer", "answered", "catch trials right", "repeats as before", "most on one side",
        "median reaction", "",
    )  # fmt: skip
    blocks: list[Block] = [
        Prose(f"Fixed and hashed before the first answer: {rule.in_words(study.rule)}"),
        Table("What the rule says of each observer.", heads, rows, "observers"),
        Facts({f"Observer {v.slot + 1}": "; ".join(v.reasons) for v in verdicts if not v.stays}),
    ]
    of_all = {(each.ours, each.theirs): each for each in everybody.equal}
    pairs = [(each, of_all[each.ours, each.theirs]) for each in results.equal]
    both = [
        (f"{a.ours}, of {a.theirs}'s bandwidth", a.brief, a.interval, b.brief, b.interval)
        for a, b in pairs
    ]
    both += [
        (
            condition.name, f"{one:+.2f}", margin_text(one_margin), f"{all_:+.2f}",
            margin_text(all_margin),
        )
        for condition, one, one_margin, all_, all_margin in zip(
            study.conditions, *results.in_jod, *everybody.in_jod, strict=True
        )
    ]  # fmt: skip
    both += [
        (
            f"{study.conditions[a.first].name} preferred to {study.conditions[a.second].name}",
            f"{a.share:.0%}", _percent(a.low, a.high), f"{b.share:.0%}", _percent(b.low, b.high),
        )
        for a, b in zip(results.preferences, everybody.preferences, strict=True)
        if a.answers
    ]  # fmt: skip
    heads = ("Figure", "by the rule", "95% interval", "with everybody", "95% interval")
    caption = (
        f"The figures without those who were left out ({results.tally.observers} observers), and "
        f"with everybody ({everybody.tally.observers})."
    )
    blocks.append(Table(caption, heads, both, "with-everybody"))
    return Section("observers", "Observers", blocks)


def _power_section(results: Results, sizes: Sequence[Size]) -> Section:
    unit = "of the interval of equal bandwidth" if results.equal else "of a share's interval"
    rows = [
        (
            size.observers, size.pictures,
            "open" if size.width is None else f"{100 * size.width:.0f} points",
            f"{size.bounded:.0%}",
        )
        for size in sizes
    ]  # fmt: skip
    text = (
        "Studies of these sizes were simulated, with the scores above and observers and pictures "
        f"that differ as these do. Width {unit}, median."
    )
    heads = ("Observers", "pictures", "width", "simulations with both ends")
    return Section("power", "How many to ask", [Table(text, heads, rows, "power")])


def _method_section(
    study: Study, answers: Sequence[Answer], displays: Sequence[Mapping[str, float]]
) -> Section:
    native = np.mean([a.given.zoom >= 1 and a.given.zoom % 1 == 0 for a in answers])
    sizes = [d["pixel_mm"] for d in displays if "pixel_mm" in d]
    steps = [d["steps"] for d in displays if "steps" in d]
    looked = np.mean([a.given.original_ms > 0 for a in answers])
    asked = Counter(trial.kind for trial in trials_of(study, 0))  # as many of every observer
    facts = {
        "Took part": f"{len(displays)} agreed, {len({a.slot for a in answers})} answered",
        "Question": study.words,
        "Answers": "left, equal, right" if study.equal else "left, right",
        "Trials of an observer": (
            f"{asked[PAIR]} pairs, {asked[REPEAT]} of them again with sides swapped, and "
            f"{asked[CATCH]} catch trials: the original beside a spoilt copy"
        ),
        "Order and sides": (
            "rows of a Williams square over observers; which of a pair is on the left is drawn for "
            "each two rounds of all pairs, and is the other one in the second"
        ),
        "Native pixels or whole multiples": f"{native:.0%} of the answers",
        "Original looked at": f"{looked:.0%} of the answers" if study.original else "never shown",
        "Size of a screen's pixel": f"{median(sizes):.3f} mm in the median of {len(sizes)}"
        if sizes
        else "not measured",
        "Greys told apart": f"{median(steps):g} of 16 in the median of {len(steps)}"
        if steps
        else "not asked",
    }
    text = (
        "Scores are those of Bradley and Terry (1952); “equal” counts half for either side. "
        "Intervals are of 95%, by bootstrap over observers and over pictures at once, with "
        "Student's distribution: another study would have others of both. The bandwidth at "
        "equality is where a logistic curve over the logarithm of the ratio of bandwidths crosses "
        "one half; its interval leaves out what is surely too little, and what is surely enough, "
        "given that more bandwidth does not hurt (where the slope is well known, Fieller's of "
        "1954)."
    )
    missing = [Prose(words, "warning") for words in _missing(study)]
    return Section("method", "Method", [*missing, Prose(text), Facts(facts)])


def _missing(study: Study) -> Iterator[str]:
    """What nobody was asked about."""
    if study.lost:
        yield (
            f"Nothing came out of {', '.join(study.lost)}, so nobody was asked about that: a code "
            "that failed there looks better here than it is."
        )
    if study.left_out:
        few = ", ".join(study.left_out[:_MOST_NAMES])
        more = f" and {len(study.left_out) - _MOST_NAMES} more" * (
            len(study.left_out) > _MOST_NAMES
        )
        yield (
            f"Nobody was asked about {len(study.left_out)} originals, which not all conditions "
            f"have: {few}{more}. If a code lost them because they are difficult, it looks better "
            "here than it is."
        )
