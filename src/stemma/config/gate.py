"""The section `gate`."""

from collections.abc import Sequence

from pydantic import Field, model_validator

from stemma.config.section import Section


class Gate(Section):
    """When a challenger may take the alias `champion`; null asks for nothing."""

    alpha: float = Field(0.05, gt=0, lt=1, description="probability of a false promotion")
    min_effect: float = Field(0.0, ge=0, description="smallest gain that counts, in accuracy or RMSE")
    max_confirmations: int | None = Field(
        None, ge=1, description="comparisons with a champion that a test set may be used for; they share `alpha`"
    )
    same_test_digest: bool = Field(
        True, description="a champion that was judged on other test examples stays; false: it gives way uncompared"
    )
    validation_passed: bool = Field(True, description="refuse candidates whose data failed an expectation")
    no_leakage: bool = Field(True, description="refuse candidates whose data repeat test examples elsewhere")
    max_latency_ms: float | None = Field(None, gt=0, description="prediction time of one example")
    max_model_bytes: int | None = Field(None, gt=0, description="of the saved model")
    max_calibration_error: float | None = Field(None, gt=0, le=1, description="of classes")
    min_class_recall: float | None = Field(
        None, gt=0, le=1, description="of classes: share of each one's test examples that are told right"
    )
    robust_epsilon: float | None = Field(
        None, gt=0, description="the perturbation at which the next two hold, one of `evaluation.epsilons`"
    )
    robust_bound: float | None = Field(None, ge=0, description="no worse accuracy or RMSE there than this")
    robust_margin: float | None = Field(None, ge=0, description="no more than this worse there than the champion")

    @model_validator(mode="after")
    def robustness_is_whole(self) -> "Gate":
        """An epsilon asks for nothing by itself, nor does a bound without one."""
        bounds = [name for name in ("robust_bound", "robust_margin") if getattr(self, name) is not None]
        if bounds and self.robust_epsilon is None:
            raise ValueError(f"{bounds[0]}: needs robust_epsilon, which is null")
        if self.robust_epsilon is not None and not bounds:
            raise ValueError(
                f"robust_epsilon: {self.robust_epsilon:g}, but robust_bound and robust_margin are null; "
                "give one of them, or null here"
            )
        return self


def gate_mistakes(gate: Gate, epsilons: Sequence[float]) -> list[str]:
    """What does not go with the section `evaluation`, whose `epsilons` are measured."""
    if gate.robust_epsilon is None or gate.robust_epsilon in epsilons:
        return []
    measured = ", ".join(f"{epsilon:g}" for epsilon in epsilons) or "none"
    return [f"gate.robust_epsilon: {gate.robust_epsilon:g} is not one of evaluation.epsilons ({measured})"]
