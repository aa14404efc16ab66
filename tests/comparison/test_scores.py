import numpy as np
import pytest

from stemma import scores

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
