"""Optimisers on functions whose minimum is known."""

from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
import torch
from closures import SEARCHING, Descent, named, parabola, quadratic, rosenbrock
from scipy.optimize import minimize
from torch import Tensor, nn

from stemma.errors import StemmaError
from stemma.nn.names import OPTIMIZERS, OptimizerName, optimizer_mistakes, search_mistakes
from stemma.nn.optimizers import backward, hessian_vector, make_optimizer
from stemma.nn.optimizers.hessian_free import conjugate_gradient
from stemma.nn.optimizers.newton import BFGS, Newton, positive_factor
from stemma.nn.optimizers.objective import flatten, unflatten
from stemma.nn.optimizers.steepest import ConjugateGradient, SteepestDescent

RATES = {"adagrad": 1.0, "adadelta": 30.0, "rmsprop": 0.02, "adam": 0.3, "adamw": 0.3}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_finds_the_parabolas_minimum_0_at_minus_1(name: str) -> None:
    descent = Descent(parabola, [3.0], named(name, RATES.get(name, 0.1)))
    tolerance = 0.02 if name == "rmsprop" else 1e-3  # rmsprop ends by swinging half its rate to either side
    assert descent.run(300) < tolerance**2
    assert descent.x.item() == pytest.approx(-1, abs=tolerance)


@pytest.mark.parametrize("name", ["steepest_descent", "conjugate_gradient", "fletcher_reeves", "newton"])
def test_exact_search_ends_at_the_parabolas_minimum_in_one_step(name: str) -> None:
    assert Descent(parabola, [7.0], named(name)).run(1) == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize("name", ["conjugate_gradient", "fletcher_reeves"])
@pytest.mark.parametrize("size", [1, 2, 5, 10])
def test_conjugate_gradients_solve_k_dimensions_in_k_steps(name: str, size: int) -> None:
    function, _, best = quadratic(size)
    descent = Descent(function, [1.0] * size, named(name))
    for step in range(size):
        far = (descent.x - best).norm()
        descent.run(1)
        assert size == 1 or step == size - 1 or (descent.x - best).norm() > 1e-3 * far
    torch.testing.assert_close(descent.x.detach(), best, rtol=0, atol=1e-10)


def test_directions_are_conjugate_and_steepest_ones_at_right_angles() -> None:
    function, matrix, _ = quadratic(6)
    for name, product in (("conjugate_gradient", matrix), ("steepest_descent", torch.eye(6, dtype=torch.float64))):
        descent, moves = Descent(function, [1.0] * 6, named(name)), []
        for _ in range(4):
            before = descent.x.detach().clone()
            descent.run(1)
            moves.append(descent.x.detach() - before)
        for a, b in pairwise(moves):
            assert abs(a @ product @ b) < 1e-9 * (a @ product @ a * (b @ product @ b)).sqrt()


def test_steepest_descent_falls_by_the_rate_that_kantorovich_bounds() -> None:
    function, _, best = quadratic(8)
    least = function(best).item()
    descent = Descent(function, [1.0] * 8, lambda p: SteepestDescent(p))
    gap = function(descent.x).item() - least
    for _ in range(20):
        before, gap = gap, descent.run(1) - least
        assert gap <= (49 / 51) ** 2 * before + 1e-12


def test_newton_needs_one_step_and_two_evaluations_on_a_quadratic() -> None:
    function, _, best = quadratic(7)
    descent = Descent(function, [1.0] * 7, named("newton"))
    descent.run(1)
    torch.testing.assert_close(descent.x.detach(), best, rtol=0, atol=1e-10)
    assert descent.evaluations == 2


def test_bfgs_has_the_true_inverse_hessian_after_k_exact_steps() -> None:
    function, matrix, _ = quadratic(6)
    descent = Descent(function, [1.0] * 6, lambda p: BFGS(p, exact_search=True))
    descent.run(5)
    assert (descent.optimizer.inverse - matrix.inverse()).abs().max() > 1e-4
    descent.run(1)
    torch.testing.assert_close(descent.optimizer.inverse, matrix.inverse(), rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", [n for n in SEARCHING if n != "steepest_descent"])
@pytest.mark.parametrize("start", [[-1.2, 1.0], [2.0, -1.5], [0.5, 0.5, 1.5, 2.0]])
def test_rosenbrock(name: str, start: list[float]) -> None:
    descent = Descent(rosenbrock, start, named(name))
    assert descent.run(150) < 1e-12
    torch.testing.assert_close(descent.x.detach(), torch.ones(len(start), dtype=torch.float64), rtol=0, atol=1e-6)


def test_rosenbrocks_valley_is_long_for_steepest_descent_alone() -> None:
    values = [Descent(rosenbrock, [-1.2, 1.0], named(n)).run(60) for n in ("steepest_descent", "conjugate_gradient")]
    assert values[0] > 1e-2 and values[1] < 1e-12


def test_bfgs_agrees_with_scipy() -> None:
    """Least squares of a net with 2 inputs, 3 tanh units, 1 output, with decay: minimum, place, effort."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(30, 2, generator=generator, dtype=torch.float64)
    y = x[:, 0] * x[:, 1] + 0.1 * torch.randn(30, generator=generator, dtype=torch.float64)

    def function(w: Tensor) -> Tensor:
        return (torch.tanh(x @ w[:6].view(2, 3) + w[6:9]) @ w[9:12] + w[12] - y).square().mean() + 0.01 * w @ w

    def numpy(w: np.ndarray) -> tuple[float, np.ndarray]:
        point = torch.tensor(w, requires_grad=True)
        value = function(point)
        return value.item(), torch.autograd.grad(value, point)[0].numpy()

    start = (0.5 * torch.randn(13, generator=generator, dtype=torch.float64)).tolist()
    theirs = minimize(numpy, start, jac=True, method="BFGS", options={"gtol": 1e-9})
    ours = Descent(function, start, named("bfgs"))
    assert ours.run(theirs.nit + 5) == pytest.approx(theirs.fun, rel=1e-9)
    torch.testing.assert_close(ours.x.detach(), torch.tensor(theirs.x), rtol=0, atol=1e-5)


def test_hessian_vector_products_are_those_of_autograd() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    parameters, x, y = list(net.parameters()), torch.randn(9, 4).double(), torch.randint(0, 3, (9,))

    def loss(*values: Tensor) -> Tensor:
        names = dict(zip(dict(net.named_parameters()), values, strict=True))
        return nn.functional.cross_entropy(torch.func.functional_call(net, names, (x,)), y)

    v = torch.randn(sum(p.numel() for p in parameters)).double()
    grads = torch.autograd.grad(loss(*parameters), parameters, create_graph=True)
    pieces = tuple(unflatten(v, parameters))
    _, expected = torch.autograd.functional.hvp(loss, tuple(p.detach() for p in parameters), pieces)
    torch.testing.assert_close(hessian_vector(grads, parameters, v), flatten(expected, parameters))


def test_a_loss_without_curvature_is_refused() -> None:
    descent = Descent(lambda x: 3 * x.sum(), [1.0], named("newton"))
    with pytest.raises(StemmaError, match="the gradient has no derivative"):
        descent.run(1)


@pytest.mark.parametrize("make", [Newton, BFGS])
def test_dense_methods_refuse_a_large_model(make: type) -> None:
    with pytest.raises(StemmaError, match=f"{make.__name__} .* takes at most {make.largest:,} .* has 10,001"):
        make([nn.Parameter(torch.zeros(100, 100)), nn.Parameter(torch.zeros(1))])


def test_newton_goes_downhill_from_a_saddle() -> None:
    descent = Descent(lambda x: x[0] ** 2 - x[1] ** 2 + x[1] ** 4, [0.5, 1e-3], named("newton"))
    assert descent.run(60) == pytest.approx(-0.25)
    factor = positive_factor(torch.tensor([[1.0, 0.0], [0.0, -5.0]]))
    assert (torch.linalg.eigvalsh(factor @ factor.T) > 0).all()


def test_linear_conjugate_gradients() -> None:
    _, matrix, _ = quadratic(12)
    right = torch.arange(12.0, dtype=torch.float64)
    found, negative = conjugate_gradient(lambda v: matrix @ v, right, torch.zeros_like(right), 40, progress=0)
    assert not negative
    torch.testing.assert_close(matrix @ found, right, rtol=0, atol=1e-8)
    found, negative = conjugate_gradient(lambda v: -matrix @ v, right, torch.zeros_like(right), 40)
    assert negative and found.equal(right)


@pytest.mark.parametrize("name", SEARCHING)
def test_weight_decay_is_part_of_the_function(name: str) -> None:
    x = nn.Parameter(torch.tensor([4.0], dtype=torch.float64))
    optimizer = make_optimizer(name, [x], 0.1, 0.0, 3.0)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (x - 5).square().sum() / 2
        backward(loss, optimizer)
        return loss

    for _ in range(40):
        optimizer.step(closure)
    assert x.item() == pytest.approx(5 / 4, abs=1e-6)


@pytest.mark.parametrize("name", SEARCHING)
def test_a_step_never_climbs_though_units_drop_at_random(name: str) -> None:
    """All evaluations of a step drop the same: only so are their values comparable."""
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Dropout(0.5), nn.Linear(6, 1))
    optimizer = make_optimizer(name, net.parameters(), 0.1, 0.0, 0.0)
    x, values = torch.randn(20, 3), []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (net(x)[:, 0] - x.prod(1)).square().mean()
        backward(loss, optimizer)
        values.append(loss.item())
        return loss

    for _ in range(5):
        values.clear()
        state = torch.get_rng_state()
        optimizer.step(closure)
        after, _ = torch.get_rng_state(), torch.set_rng_state(state)
        assert closure().item() <= values[0] * (1 + 1e-5)
        assert torch.equal(torch.get_rng_state(), after)


@pytest.mark.parametrize("name", SEARCHING)
def test_a_resumed_run_goes_on_as_if_never_stopped(name: str) -> None:
    whole = Descent(rosenbrock, [-1.2, 1.0], named(name))
    whole.run(6)
    half = Descent(rosenbrock, [-1.2, 1.0], named(name))
    half.run(3)
    resumed = Descent(rosenbrock, half.x.tolist(), named(name))
    resumed.optimizer.load_state_dict(half.optimizer.state_dict())
    resumed.run(3)
    torch.testing.assert_close(resumed.x, whole.x, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", SEARCHING)
def test_a_value_that_is_not_finite_moves_nothing(name: str) -> None:
    descent = Descent(lambda x: (x * float("nan")).sum(), [2.0], named(name))
    descent.run(1)
    assert descent.x.item() == 2.0


@pytest.mark.parametrize("name", [name for name in SEARCHING if "iterations" in OPTIMIZERS[name].options])
def test_one_iteration_is_a_step_too(name: str) -> None:
    descent = Descent(rosenbrock, [-1.2, 1.0], named(name, iterations=1))
    assert descent.run(1) < 24.2 / 2


def test_iterations_of_one_step_are_as_many_steps() -> None:
    function, _, best = quadratic(5)
    descent = Descent(function, [1.0] * 5, named("conjugate_gradient", iterations=5))
    descent.run(1)
    torch.testing.assert_close(descent.x.detach(), best, rtol=0, atol=1e-10)


def test_conjugate_gradients_restart_on_another_function() -> None:
    """The first direction on a new batch is its steepest one."""
    first, _, _ = quadratic(4, seed=0)
    second, _, _ = quadratic(4, seed=1)
    descent = Descent(first, [1.0] * 4, lambda p: ConjugateGradient(p))
    descent.run(2)
    descent.function, start = second, descent.x.detach().clone().requires_grad_()
    gradient = torch.autograd.grad(second(start), start)[0]
    descent.run(1)
    moved = descent.x.detach() - start.detach()
    assert torch.cosine_similarity(moved, -gradient, 0).item() == pytest.approx(1)


def test_names_stand_once() -> None:
    assert set(get_args(OptimizerName)) == set(OPTIMIZERS)
    for name, method in OPTIMIZERS.items():
        optimizer = named(name)([nn.Parameter(torch.zeros(2))])
        assert getattr(optimizer, "curvature", False) == method.curvature
    with pytest.raises(StemmaError, match="did you mean 'adam'"):
        make_optimizer("adma", [], 0.1, 0.0, 0.0)


def test_options_reach_the_optimiser() -> None:
    weight = [nn.Parameter(torch.zeros(2))]
    adam = make_optimizer("adam", weight, 0.1, 0.0, 0.2, {"beta2": 0.99, "epsilon": 1e-6})
    assert adam.defaults["betas"] == (0.9, 0.99) and adam.defaults["eps"] == 1e-6
    assert adam.defaults["weight_decay"] == 0.2
    assert make_optimizer("nesterov", weight, 0.1, 0.9, 0.0).defaults["nesterov"]
    assert make_optimizer("lbfgs", weight, 0.1, 0.0, 0.0, {"history": 3}).defaults["history_size"] == 3


@pytest.mark.parametrize(
    ("name", "momentum", "options", "line"),
    [
        (
            "adam",
            0.9,
            {},
            "momentum: 0.9, but optimizer 'adam' takes none; those with momentum: sgd, momentum, nesterov",
        ),
        ("nesterov", 0.0, {}, "momentum: 0, but optimizer 'nesterov' needs one above 0"),
        ("sgd", 0.0, {"rho": 0.9}, "optimizer_options.rho: 'sgd' does not take it; its options: none"),
        ("adadelta", 0.0, {"rho": 1.0}, "optimizer_options.rho: 1.0; allowed: a number, 0 <= value < 1"),
        ("bfgs", 0.0, {"iterations": 1.5}, "optimizer_options.iterations: 1.5; allowed: an integer, 1 <= value"),
        ("adam", 0.0, {"epsilon": 0}, "optimizer_options.epsilon: 0; allowed: a number, 0 < value"),
    ],
)
def test_settings_that_an_optimiser_does_not_take(
    name: OptimizerName, momentum: float, options: dict[str, float], line: str
) -> None:
    mistakes = optimizer_mistakes(name, momentum, options)
    assert len(mistakes) == 1 and mistakes[0].startswith(line)
    with pytest.raises(StemmaError):
        make_optimizer(name, [nn.Parameter(torch.zeros(1))], 0.1, momentum, 0.0, options)


def test_what_does_not_go_with_a_search() -> None:
    assert len(search_mistakes("bfgs", "cosine", 1.0, "16-mixed", 2)) == 4
    assert search_mistakes("bfgs", "constant", None, "32-true", 1) == []
    assert search_mistakes("sgd", "cosine", 1.0, "16-mixed", 2) == []
