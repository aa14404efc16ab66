"""The comparison in sentences; every one is computed from the numbers."""

from typing import Any

from stemma.comparison import FAMILY_NAMES
from stemma.report.numbers import half_width, listed, percent, significant, value
from stemma.report.tasks import TELLING
from stemma.scores import Score, Scoring, scoring

Row = dict[str, Any]
Group = dict[str, Any]


def headline(groups: list[Group], rows: dict[str, list[Row]]) -> str:
    """Which family leads where, and how surely. `rows` holds the ranked rows by the label of their group.

    A family that is alone leads nobody. What started from another experiment's models stands for no family; where it
    is best, that is said instead.
    """
    leads: dict[bool, dict[str, list[str]]] = {True: {}, False: {}}
    ranked = {group["label"]: rows[group["label"]] for group in groups}
    for label, own in ((label, _of_families(every)) for label, every in ranked.items()):
        if len({row["family"] for row in own}) > 1:
            leads[not _level_families(own)].setdefault(own[0]["family"], []).append(label)
    clear = listed([f"{family_in_words(family)} leads on {listed(labels)}" for family, labels in leads[True].items()])
    open_ = listed([f"{family_in_words(family)} on {listed(labels)}" for family, labels in leads[False].items()])
    found = [f"Beyond chance, {clear}." if clear else "", f"Chance could explain the lead of {open_}." if open_ else ""]
    transfers = [(label, every[0]) for label, every in ranked.items() if every[0]["start"]]
    found += [f"On {label}, {_transfer(best)}, comes first." for label, best in transfers]
    return " ".join(filter(None, found))


def sentences(group: Group, rows: list[Row], confidence: float) -> list[str]:
    """What a reader should take from one dataset's ranking."""
    score = scoring(group["task"]).score
    own = _of_families(rows)
    found = [_winner(group, rows[0], confidence)]
    if len(rows) > 1:
        found += [_lead(rows, score)]
    if rows[0]["start"]:
        found += [_stands_apart(rows[0], own)]
    found += [_families(own), *_baseline(own, score)]
    guess = TELLING[group["task"]].guess(group)
    return [sentence.replace(" %", "\u00a0%") for sentence in [*found, guess, _detectable(group)] if sentence]


def scores_shown(scorings: list[Scoring]) -> str:
    """What the numbers of a table over all datasets are."""
    own = [judged.score for judged in scorings if not judged.asked]
    shares = [f"{score.noun} in percent" for score in own if score.share][:1]
    values = [f"{score.noun}{' where a number is predicted' if shares else ''}" for score in own if not score.share][:1]
    asked = ["the score that the head of the column names"] if len(own) < len(scorings) else []
    told = f"Test {', or '.join([*shares, *values, *asked])}"
    return f"{told}," if len([*shares, *values, *asked]) > 1 else told


def units(scores: list[Score]) -> str:
    """What differences of the scores are counted in, at the head of a sentence."""
    shares = "In percentage points" if any(score.share for score in scores) else ""
    own = list(dict.fromkeys(score.unit or f"the unit of the {score.noun}" for score in scores if not score.share))
    if not own:
        return f"{shares},"
    return f"{f'{shares} of shares, or in ' if shares else 'In '}{' or '.join(own)},"


def family_name(family: str) -> str:
    return FAMILY_NAMES.get(family, family)


def family_in_words(family: str) -> str:
    """`the CNN family`, within a sentence."""
    name = family_name(family)
    return f"the {name if name.isupper() else name.lower()} family"


def _of_families(rows: list[Row]) -> list[Row]:
    """What can stand for a family: what started from nothing."""
    return [row for row in rows if not row["start"]]


def _transfer(row: Row) -> str:
    return f"{row['name']}, which starts from the models of {row['start']}"


def _stands_apart(best: Row, own: list[Row]) -> str:
    """That the best of all is no family's, and whose the best of the others, `own`, is."""
    apart = f"{_transfer(best)}, stands for no family"
    if not own:
        return f"{apart}."
    return f"{apart}; {own[0]['name']} ({family_name(own[0]['family'])}) is the best of those that start from nothing."


def _winner(group: Group, best: Row, confidence: float) -> str:
    found, score = best["score"], scoring(group["task"]).score
    seeds = len(found["values"])
    sure = {
        "t": f"{half_width(found, score)} at {100 * confidence:g} % confidence over {seeds} seeds",
        "deterministic": f"the same for all {seeds} seeds",
        "none": "one seed",
    }[found["interval"]]
    name, examples = f"{best['name']} ({family_name(best['family'])})", f"{group['test_examples']:,} test examples"
    return TELLING[group["task"]].won(best, name, examples, sure)


def distance(difference: float, score: Score) -> str:
    """`1.0 points`, `1.27 of RMSE`, or `1.27 nats`."""
    unit = "points" if score.share else score.unit or f"of {score.noun}"
    return f"{percent(abs(difference)) if score.share else significant(abs(difference), 2)} {unit}"


def _lead(rows: list[Row], score: Score) -> str:
    """Whom the best leaves behind beyond chance, and whom not."""
    level = [row for row in rows[1:] if not row["to_best"]["beyond_chance"]]
    if not level:
        return f"Its lead over {'every other experiment' if len(rows) > 2 else rows[1]['name']} is beyond chance."
    named = listed([f"{row['name']} ({distance(row['to_best']['difference'], score)})" for row in level])
    behind = [row["name"] for row in rows[1:] if row["to_best"]["beyond_chance"]]
    beaten = listed(behind) if len(behind) < 3 else f"the other {len(behind)}"
    rest = f" It beats {beaten} beyond chance." if behind else ""
    return f"Chance could explain its lead over {named}.{rest}"


def _families(rows: list[Row]) -> str:
    """Whether the leading family as a whole stands apart from the others."""
    if len({row["family"] for row in rows}) < 2:
        return ""
    best, level = rows[0]["family"], _level_families(rows)
    if not level:
        return f"So {family_in_words(best)} is ahead of every other family here, beyond chance."
    return (
        f"So {family_in_words(best)} is not clearly ahead of {listed([family_in_words(family) for family in level])}."
    )


def _level_families(rows: list[Row]) -> list[str]:
    """Families other than the leader's of which some experiment is not behind it beyond chance."""
    others = [row for row in rows if row["family"] != rows[0]["family"]]
    return sorted({row["family"] for row in others if not row["to_leader"]["beyond_chance"]})


def _baseline(rows: list[Row], score: Score) -> list[str]:
    """How the best baseline stands among `rows`, those that start from nothing; `rank` is the place among all."""
    baselines = [row for row in rows if row["family"] == "baseline"]
    if not baselines:
        return []
    best = baselines[0]
    if best is rows[0] and best["rank"] > 1:
        return [f"Only what starts from trained models comes before the baseline {best['name']}."]
    if best is rows[0]:
        return ["No network beats the baseline."] if len(rows) > len(baselines) else []
    lag = f"{distance(best['to_best']['difference'], score)} {'below' if score.higher else 'above'} the best"
    worse = sum(row["rank"] > best["rank"] and row["family"] != "baseline" for row in rows)
    behind = f", and {worse} of the networks {'does' if worse == 1 else 'do'} no better" if worse else ""
    reached = f"{value(best['score']['mean'], score)}{' %' if score.share else ''}"
    return [f"The baseline {best['name']} reaches {reached}, {lag}{behind}."]


def _detectable(group: Group) -> str:
    if group["detectable"] is None:
        return ""
    least = distance(group["detectable"], scoring(group["task"]).score)
    return (
        f"Of a typical experiment a true difference of {least} to the best is found four times in five; smaller ones "
        "may hide, and larger ones too where seeds lie far apart."
    )
