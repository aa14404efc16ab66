import numpy as np
import pytest
from scipy.special import softmax
from sklearn.calibration import _TemperatureScaling
from sklearn.metrics import roc_auc_score

from stemma import calibration, scores

LABELS = np.array([0, 0, 1, 1])
PROBABILITIES = np.array([[0.95, 0.05], [0.4, 0.6], [0.4, 0.6], [0.05, 0.95]])


def test_accuracy_and_cross_entropy_by_hand():
    assert scores.accuracy(LABELS, PROBABILITIES) == 0.75
    expected = -np.log([0.95, 0.4, 0.6, 0.95]).mean()
    assert scores.cross_entropy(LABELS, PROBABILITIES) == pytest.approx(expected)


def test_macro_f1_by_hand():
    # class 0: precision 1, recall 1/2; class 1: precision 2/3, recall 1
    assert scores.macro_f1(LABELS, PROBABILITIES) == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_macro_f1_counts_a_class_that_is_never_predicted():
    assert scores.macro_f1(np.array([0, 1]), np.array([[0.9, 0.1], [0.9, 0.1]])) == pytest.approx((2 / 3) / 2)


def test_calibration_error_by_hand():
    # bin of 0.6: accuracy 1/2, gap 0.1 for two of four; bin of 0.95: accuracy 1, gap 0.05 for two of four
    assert scores.calibration_error(LABELS, PROBABILITIES) == pytest.approx(0.5 * 0.1 + 0.5 * 0.05)


def test_calibration_error_of_certain_and_right_is_zero():
    assert scores.calibration_error(np.array([0, 1]), np.eye(2)) == 0


def test_calibration_bins_are_open_on_the_left():
    # with two bins, 0.5 lies in the first and 0.9 in the second: |1 - 0.5| / 2 + |0 - 0.9| / 2
    labels, probabilities = np.array([0, 1]), np.array([[0.5, 0.5], [0.9, 0.1]])
    assert scores.calibration_error(labels, probabilities, bins=2) == pytest.approx(0.7)


def made_up(classes: int, count: int = 300, sharpness: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(classes)
    labels = rng.integers(0, classes, count)
    logits = rng.normal(size=(count, classes)) + sharpness * (labels[:, None] == np.arange(classes))
    return labels, softmax(logits, axis=1)


def test_auroc_by_hand():
    # of class 1: the pairs (right, wrong) of its probability 0.6, 0.95 against 0.05, 0.6: 3.5 of 4
    assert scores.auroc(LABELS, PROBABILITIES) == 3.5 / 4


@pytest.mark.parametrize("classes", [3, 10])
def test_auroc_is_that_of_scikit_learn(classes: int):
    labels, probabilities = made_up(classes)
    assert scores.auroc(labels, probabilities) == pytest.approx(roc_auc_score(labels, probabilities, multi_class="ovr"))
    rounded = probabilities.round(1)
    each = [roc_auc_score(labels == k, rounded[:, k]) for k in range(classes)]
    assert scores.auroc(labels, rounded) == pytest.approx(np.mean(each))


def test_auroc_leaves_out_a_class_without_examples():
    labels, probabilities = np.array([0, 0, 1]), np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.2, 0.3, 0.5]])
    assert scores.auroc(labels, probabilities) == (1 + 0.5) / 2
    assert scores.auroc(np.array([2]), np.array([[0.1, 0.2, 0.7]])) == 0.5


def test_brier_by_hand():
    assert scores.brier(LABELS, PROBABILITIES) == pytest.approx(np.mean([0.05**2, 0.6**2, 0.4**2, 0.05**2]))
    labels, probabilities = made_up(4)
    expected = ((probabilities - np.eye(4)[labels]) ** 2).sum(1).mean() / 2
    assert scores.brier(labels, probabilities) == pytest.approx(expected)
    assert scores.brier(np.array([0, 1, 2]), np.eye(3)[[1, 2, 0]]) == 1


def test_worst_class_recall_by_hand():
    assert scores.worst_class_recall(LABELS, PROBABILITIES) == 0.5
    assert scores.worst_class_recall(np.array([0, 2, 2]), np.eye(3)[[0, 2, 2]]) == 1


def test_reliability_adds_up():
    found = calibration.reliability(LABELS, PROBABILITIES)
    assert found.examples.sum() == 4 and found.examples[8] == found.examples[14] == 2
    assert (found.confidence[8], found.accuracy[8]) == pytest.approx((0.6, 0.5))
    assert found.confidence[0] == found.accuracy[0] == 0


@pytest.mark.parametrize("by", [0.4, 1.0, 3.0])
def test_the_temperature_that_was_planted_is_found(by: float):
    """Labels drawn from probabilities that are then sharpened or flattened."""
    rng = np.random.default_rng(1)
    honest = softmax(rng.normal(size=(20_000, 4)), axis=1)
    labels = (honest.cumsum(1) > rng.random((20_000, 1))).argmax(1)
    told = calibration.scaled(honest, 1 / by)
    assert calibration.temperature(labels, told) == pytest.approx(by, rel=0.06)
    assert calibration.calibration_error(labels, calibration.scaled(told, calibration.temperature(labels, told))) < 0.02
    assert (calibration.scaled(told, by).argmax(1) == told.argmax(1)).all()


def test_the_temperature_is_that_of_scikit_learn():
    labels, probabilities = made_up(3, sharpness=1.0)
    reference = _TemperatureScaling().fit(np.log(probabilities), labels)
    assert calibration.temperature(labels, probabilities) == pytest.approx(1 / reference.beta_, rel=1e-3)


def test_a_model_that_is_always_right_has_a_temperature_too():
    assert 0 < calibration.temperature(np.array([0, 1]), np.eye(2)) < 1
    assert np.isfinite(calibration.scaled(np.eye(2), 0.01)).all()
