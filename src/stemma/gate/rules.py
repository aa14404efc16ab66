"""The rules of the gate, as the section `gate` of params.yaml has them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from stemma.errors import StemmaError


@dataclass(frozen=True)
class Rules:
    """What a candidate has to show; None and False ask for nothing.

    Attributes:
        alpha: probability of a false promotion that is accepted: of each comparison with a champion, or with
            `max_confirmations` of all that one test set is used for.
        min_effect: least gain, in the unit of the task's primary score.
        max_confirmations: comparisons with a champion that a test set may be used for. Each gets an equal share of
            alpha (Bonferroni), and after the last one the test set is used up.
        same_test_digest: a champion that was judged on other test examples stays. Else a fit candidate takes its
            place without a comparison.
        validation_passed: the data's expectations hold.
        no_leakage: no known repetition between the test examples and the others was left in.
        max_calibration_error, min_class_recall: of classes; the recall is that of the worst class.
        robust_epsilon: size of the perturbation by the sign of the gradient at which the next two hold.
        robust_bound: the primary score may be no worse than this.
        robust_margin: it may be no more than this worse than the champion's.
    """

    alpha: float = 0.05
    min_effect: float = 0.0
    max_confirmations: int | None = None
    same_test_digest: bool = True
    validation_passed: bool = False
    no_leakage: bool = False
    max_latency_ms: float | None = None
    max_model_bytes: int | None = None
    max_calibration_error: float | None = None
    min_class_recall: float | None = None
    robust_epsilon: float | None = None
    robust_bound: float | None = None
    robust_margin: float | None = None

    @property
    def level(self) -> float:
        """Of one comparison with the champion: alpha, or its share of it."""
        return self.alpha / (self.max_confirmations or 1)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Rules":
        """The rules as `reports/decision.json` holds them.

        Raises:
            StemmaError: there is one that this version does not know.
        """
        strange = set(values) - {each.name for each in fields(cls)}
        if strange:
            raise StemmaError(f"rules of the gate: unknown {', '.join(sorted(strange))}; run `dvc repro decide`")
        return cls(**values)
