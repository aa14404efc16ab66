"""Algorithms as a teaching text prints them, beside what holds (docs/parts.md). Its own example: x^2 + 2x + 1."""

import numpy as np
import pytest
import torch
from closures import Descent, named, parabola


def printed_conjugate_gradient(x: float, iterations: int) -> float:
    """The listing: `df(p)`, the gradient at p, stands where the Hessian times p belongs."""

    def df(x: np.ndarray) -> np.ndarray:
        return 2 * x + 2

    point = np.array([x])
    r = -df(point)
    p, rs_old = r, r @ r
    for _ in range(iterations):
        ap = df(p)
        alpha = rs_old / (p @ ap)
        point, r = point + alpha * p, r - alpha * ap
        rs_new = r @ r
        if np.sqrt(rs_new) < 1e-8:
            break
        p, rs_old = r + rs_new / rs_old * p, rs_new
    return float(point[0])


@pytest.mark.parametrize(("start", "end"), [(0.0, -2.0), (1.0, -5 / 3), (3.0, -11 / 7), (-3.0, -7 / 5)])
def test_the_printed_conjugate_gradient_stops_beside_the_minimum(start: float, end: float) -> None:
    """After one step, at x - 2 (x + 1)^2 / (2x + 1), sure of itself: its residual is 0. From 0: at -2, value 1."""
    assert printed_conjugate_gradient(start, 100) == pytest.approx(end)
    assert end == pytest.approx(start - 2 * (start + 1) ** 2 / (2 * start + 1))
    descent = Descent(parabola, [start], named("conjugate_gradient"))
    assert descent.run(1) == pytest.approx(0, abs=1e-20) and descent.x.item() == pytest.approx(-1)


def test_the_printed_exact_step_climbs_by_its_sign() -> None:
    """theta = g / |g|, step -g'theta / theta'H theta, x - step * theta: from 0 it goes to +1, value 4."""
    x, hessian = 0.0, 2.0
    gradient = 2 * x + 2
    theta = gradient / abs(gradient)
    step = -gradient * theta / (theta * hessian * theta)
    assert (x - step * theta) == 1.0 and parabola(torch.tensor([1.0])).item() == 4.0
    assert (x + step * theta) == -1.0


def test_the_optimal_gradient_listing_is_descent_with_a_fixed_step() -> None:
    """On x^2 from 1, rate 0.1: 0.8^100 = 2e-10 after 100 steps, as gradient descent; with a search, 0 after 1."""
    x = 1.0
    for _ in range(100):
        x = x - 0.1 * (2 * x)
    descent = Descent(lambda x: (x**2).sum(), [1.0], named("gradient_descent", 0.1))
    descent.run(100)
    assert descent.x.item() == pytest.approx(x) == pytest.approx(0.8**100)
    assert Descent(lambda x: (x**2).sum(), [1.0], named("steepest_descent")).run(1) == 0


def test_the_gradient_descent_listing_is_right() -> None:
    """The error shrinks by 0.8 a step: 100 steps at rate 0.1 leave 4 * 0.8^100 of 4."""
    descent = Descent(parabola, [3.0], named("gradient_descent", 0.1))
    descent.run(100)
    assert descent.x.item() + 1 == pytest.approx(4 * 0.8**100, rel=1e-3)
