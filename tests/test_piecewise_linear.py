"""The piecewise linear flow of the line, whose training differentiates a derivative."""
import math
import numpy as np
import pytest
import minigrad
from flows import inversion_error, log_det_error, shaken, train
from minigrad import gradcheck, no_grad, tensor
from models.data import load
from models.piecewise_linear import Increasing, PiecewiseLinear

# inside the interval from -4 to 4 and outside, none at the end of a piece
FAR = np.array([[-50.0], [-4.001], [-3.9], [-1.23], [0.01], [2.43], [3.99], [4.1], [1e3]])


def flow(seed=0, size=0.5, **config):
    minigrad.manual_seed(seed)
    return shaken(PiecewiseLinear(**config), size, seed)


def test_it_starts_as_the_identity():
    """The lecture's map starts as x + h.  Inside, outside and at the ends of the interval:"""
    x = np.concatenate([FAR, [[-4], [0], [4]]])
    z, log_det = PiecewiseLinear().double()(tensor(x))
    assert z.data == pytest.approx(x, abs=1e-4) and log_det.data == pytest.approx(np.zeros(len(x)), abs=1e-6)


def test_the_log_determinant_is_that_of_the_jacobian():
    assert log_det_error(flow().double(), FAR) < 1e-6


def test_it_goes_on_in_straight_lines_outside_the_interval():
    """The lecture's is constant there: its f' is 0, its log-density minus infinity, and it has no inverse."""
    model = flow().double()
    for inner, outer in ((-3.999, -9.0), (3.999, 9.0)):
        log_det = model(tensor([[inner], [outer]]).double())[1].data
        assert np.isfinite(log_det).all() and log_det[0] == pytest.approx(log_det[1])
    slope, = np.diff(model(tensor([[5.0], [6.0]]).double())[0].data[:, 0])
    assert slope == pytest.approx(math.exp(float(model.layers[1].xi.data[-1])) / model.layers[1].width)


def test_f_at_the_left_end_is_alpha_and_it_increases():
    layer = flow().layers[1].double()
    assert layer.map(tensor([[-4.0]]).double()).data == pytest.approx(layer.alpha.data[None])
    assert (np.diff(layer.map(tensor(np.linspace(-6, 6, 500)[:, None])).data[:, 0]) > 0).all()


@pytest.mark.parametrize("pieces", [1, 7, 100])
def test_the_inverse_inverts(pieces):
    assert inversion_error(flow(pieces=pieces, size=0.3).double(), FAR) < 1e-9
    x = np.linspace(-6, 6, 1001, dtype=np.float32)[:, None]
    assert inversion_error(flow(pieces=pieces, size=0.3), x) < 1e-5


def test_the_density_integrates_to_one():
    model = flow(size=0.3).double()
    x = np.linspace(-40, 40, 80001)[:, None]
    with no_grad():
        assert np.exp(model.log_prob(x).data).sum() * 0.001 == pytest.approx(1, abs=1e-3)


def test_the_gradients_of_the_log_derivative_are_right():
    """The double backward, against finite differences, with respect to every parameter."""
    layer, x = Increasing(5, -2, 2).double(), tensor(np.array([[-3.0], [-1.3], [0.1], [1.9], [2.5]]))
    shaken(layer)

    def replaced(alpha, xi):
        copy = Increasing(5, -2, 2)
        del copy.alpha, copy.xi
        copy.alpha, copy.xi = alpha, xi
        return copy(x)

    assert gradcheck(replaced, (layer.alpha, layer.xi))


def test_evaluation_records_nothing():
    model, x = flow(), np.zeros((3, 1), np.float32)
    with no_grad():
        quiet = model.log_prob(x)
    assert not quiet.requires_grad and model.log_prob(x).requires_grad
    assert np.array_equal(quiet.data, model.log_prob(x).data)


def test_it_learns_the_lectures_density():
    data = load("lecture_1d")
    before, after = train(PiecewiseLinear(), data.train, 300, 2e-2, 500)
    assert before > after + 0.1 and data.entropy - 0.05 < after < data.entropy + 0.05


def test_it_learns_what_lies_far_from_the_interval():
    """Two humps around 1000: the data are standardised first."""
    rng = np.random.default_rng(0)
    x = (1000 + 30 * rng.choice([-1, 1], (4000, 1)) + 5 * rng.standard_normal((4000, 1))).astype(np.float32)
    before, after = train(PiecewiseLinear(), x, 200, 2e-2)
    entropy = math.log(2) + 0.5 * math.log(2 * math.pi * math.e) + math.log(5)
    assert before > entropy + 0.5 and entropy - 0.05 < after < entropy + 0.1
    assert inversion_error(flow().double(), x[:100]) < 1e-9


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"takes single numbers, of shape \(1,\), not \(2,\)"):
        PiecewiseLinear((2,))
    for pieces, xmin, xmax in ((0, 0, 1), (5, 1, 1)):
        with pytest.raises(ValueError, match="needs a piece or more and xmin < xmax"):
            PiecewiseLinear(pieces=pieces, xmin=xmin, xmax=xmax)
