"""Study `convnet`: the text's own recipe, mean square error on one-hot labels, against cross-entropy."""

from collections.abc import Mapping

import numpy as np

from stemma.cli.study import run
from stemma.studies import Case, Estimate, Figure, Study, Table, Trained, Verdict, estimate, verdict
from stemma.studies.figures import Series, dots, lines
from stemma.studies.probes import dropped

WORKS = 0.9
"""Test accuracy from which on a net that reads digits is said to work."""
SPREAD = 0.01
"""What the measured share of dropped inputs may differ from the stated one."""
RECIPE = "text 001, 3.2.4"


def study(experiments: dict[str, Trained]) -> Study:
    full, few = experiments["full-mse"], experiments["few-mse"]
    sizes = {"full": len(full.examples("train")), "few": len(few.examples("train"))}
    settings = full.settings
    return Study(
        name="convnet",
        question="Does the text's 29-line convolutional net work as the text trains it?",
        method=[
            f"The text's net ({full.parameters:,} parameters) and recipe: {settings['optimizer']}, batches of "
            f"{settings['batch_size']}, {settings['epochs']} epochs, mean square error against one-hot labels, "
            "dropout 0.3, pixels from 0 to 1. Rate 0.01 and Glorot's uniform weights are Keras' defaults, which the "
            "text leaves standing. The text prints no accuracy of its own: it has the program print one.",
            f"Trained on {sizes['full']:,} of the 60,000 digits and on {sizes['few']:,} of the 5,000 of mnist@sample; "
            "the rest chooses the epoch. Both are tested on the canonical 10,000. Cross-entropy has the same recipe "
            f"but, on the full set, only {experiments['full-cross_entropy'].settings['epochs']} epochs.",
        ],
        verdicts=[_works(experiments, sizes), _better(experiments), _gradients(experiments), _dropout(full)],
        figures=_figures(experiments),
        tables=[_table(experiments, sizes)],
    )


def _works(experiments: Mapping[str, Trained], sizes: Mapping[str, int]) -> Verdict:
    cases = []
    for key, size in (
        ("full-mse", "full"),
        ("few-mse", "few"),
        ("few-mse-rate", "few"),
        ("few-mse-standardised", "few"),
    ):
        what = {"rate": ", ten times the rate", "standardised": ", standardised pixels and torch's weights"}
        found = estimate(experiments[key].test())
        told = f"{_share(experiments[key].test())} of the test digits read"
        cases.append(Case(f"{sizes[size]:,} digits{what.get(key.split('-')[-1], '')}", found.above(WORKS), told))
    return verdict(
        f"These 29 lines form a fully functional convolutional network (here: at least {100 * WORKS:.0f} % of the test "
        "digits; the text states no accuracy).",
        RECIPE,
        cases,
    )


def _better(experiments: Mapping[str, Trained]) -> Verdict:
    cases = []
    for slot in ("full", "few"):
        mse, other = experiments[f"{slot}-mse"], experiments[f"{slot}-cross_entropy"]
        gap = estimate(100 * (other.test() - mse.test()))
        epochs = f"{other.settings['epochs']} epochs against {mse.settings['epochs']}"
        cases.append(Case(f"the {slot} digits", gap.above(0), f"{epochs}, {_points(gap)} of test accuracy"))
    return verdict(
        "Cross-entropy is the loss of choice of convolutional nets that classify (the recipe of text 001 has mean "
        "square error).",
        "text 003, 5.2.3",
        cases,
    )


def _gradients(experiments: Mapping[str, Trained]) -> Verdict:
    """By what is learnt in the first epoch, where gradients that vanish leave a net guessing."""
    cases = []
    for slot in ("full", "few"):
        first = {loss: experiments[f"{slot}-{loss}"].history("val_accuracy")[:, 0] for loss in ("mse", "cross_entropy")}
        gap = estimate(100 * (first["cross_entropy"] - first["mse"]))
        told = ", ".join(f"{loss} {_share(values)}" for loss, values in first.items())
        cases.append(Case(f"the first epoch on the {slot} digits", gap.above(0), f"validation accuracy {told}"))
    return verdict("Cross-entropy avoids vanishing gradients.", "text 003, 5.2.3", cases)


def _dropout(full: Trained) -> Verdict:
    rate = 0.3
    share = np.array([dropped(full.model(seed), seed) for seed in full.seeds])
    kept = estimate(100 * (1 - share))
    told = f"{kept.shown(lambda number: f'{number:.1f}')} % of the units stay"
    holds = bool((np.abs(1 - share - 0.03) < SPREAD).all())
    return verdict(
        f"A dropout of {rate} means that only 3 % of the connections are kept.",
        RECIPE,
        [Case("the trained net", holds, told)],
    )


def _figures(experiments: Mapping[str, Trained]) -> list[Figure]:
    text = "Validation accuracy by epoch, on {}."
    figures = []
    for number, (slot, where) in enumerate((("full", "the full set"), ("few", "the 5,000 digits"))):
        told = text.format(where)
        chosen = {key.removeprefix(f"{slot}-"): each for key, each in experiments.items() if key.startswith(slot)}
        series = []
        for name, each in chosen.items():
            values = 100 * each.history("val_accuracy")
            series.append(Series(name, np.arange(1, values.shape[1] + 1), values))
        drawn = lines(series, "epoch", "validation accuracy, %", f"v{number}", told, bounds=(0, 100))
        figures.append(Figure(f"On {where}", told, drawn))
    told = "Accuracy on the canonical 10,000 test digits."
    values = [100 * each.test() for each in experiments.values()]
    return [
        *figures,
        Figure(
            "Test accuracy",
            told,
            dots(list(experiments), {"": values}, "test accuracy, %", "v2", told, bounds=(0, 100)),
        ),
    ]


def _table(experiments: Mapping[str, Trained], sizes: Mapping[str, int]) -> Table:
    head = ("Experiment", "loss", "rate", "epochs", "digits", "after the first epoch", "test accuracy", "CPU seconds")
    rows = []
    for key, each in experiments.items():
        settings = each.settings
        rows.append(
            (
                key,
                "cross-entropy" if settings["loss"] == "auto" else settings["loss"],
                f"{settings['learning_rate']:g}",
                str(settings["epochs"]),
                f"{sizes[key.partition('-')[0]]:,}",
                _share(each.history("val_accuracy")[:, 0]),
                _share(each.test()),
                f"{each.seconds().mean():.0f}",
            )
        )
    return Table("Means over seeds, in brackets their 95 % t-intervals; seconds a seed.", head, rows)


def _share(values: np.ndarray) -> str:
    return estimate(values, bounds=(0, 1)).shown(lambda share: f"{100 * share:.1f} %")


def _points(gap: Estimate) -> str:
    return gap.shown(lambda number: f"{number:+.1f}") + " points"


if __name__ == "__main__":
    run(study)
