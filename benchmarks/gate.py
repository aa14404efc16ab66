"""How often the gate promotes a candidate that is no better, and how often one that is.

    python benchmarks/gate.py [--examples N] [--disagreement SHARE] [--trials 1000] [--seed 0]

Simulated pairs of models, judged by the same function as `stemma promote` (src/stemma/gate/simulation.py). A row a
setting: the share that was promoted, and the limit of Clopper and Pearson that holds at 99 %: the upper one of false
promotions, the lower one of right ones.
"""

import argparse

from stemma.gate import Rules
from stemma.gate.simulation import Rate, Setting, on_one_test_set, promotions

ALPHA = 0.05
TRIES = 10


def rows(examples: int, disagreement: float, trials: int, seed: int) -> list[tuple[str, str, Rate]]:
    """What, which limit, and the rate."""
    equal, rules = Setting(examples, 0.0, disagreement), Rules(alpha=ALPHA)
    shared, sharing = Rules(alpha=ALPHA, max_confirmations=TRIES), f"max_confirmations: {TRIES}"
    any_of = [on_one_test_set(each, equal, TRIES, trials, seed) for each in (rules, shared)]
    found = [
        ("equal classifiers", "upper", promotions(rules, equal, trials, seed)),
        ("equal regressors", "upper", promotions(rules, equal, trials, seed, "regress")),
        (f"any of {TRIES} equal classifiers on one test set", "upper", any_of[0]),
        (f"the same, {sharing}", "upper", any_of[1]),
    ]
    for gain in (0.01, 0.02, 0.03, 0.04):
        better, words = Setting(examples, gain, disagreement), f"{100 * gain:g} points better"
        found.append((words, "lower", promotions(rules, better, trials, seed)))
        found.append((f"{words}, {sharing}", "lower", promotions(shared, better, trials, seed)))
    smaller = promotions(rules, Setting(examples, 0.08), trials, seed, "regress")
    return [*found, ("RMSE 8 % smaller", "lower", smaller)]


def main() -> None:
    parser = argparse.ArgumentParser(description="Error rates of the gate.")
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--disagreement", type=float, default=0.1)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(
        f"{options.trials} trials, {options.examples} test examples, {options.disagreement:.0%} disagree, alpha {ALPHA}"
    )
    for what, side, rate in rows(options.examples, options.disagreement, options.trials, options.seed):
        limit = rate.upper if side == "upper" else rate.lower
        print(f"{what:50} {rate.share:6.1%}  {side} 99 % limit {limit:.1%}")


if __name__ == "__main__":
    main()
