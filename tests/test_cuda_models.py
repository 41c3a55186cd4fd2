"""Models on the device against the same models on the CPU: a training step of each, samples, and the command line."""
import json
import numpy as np
import pytest
import minigrad
from minigrad import cuda
from minigrad.devices import on_cpu
from minigrad.optim import Adam
from layers.kernels import cross_entropy_cuda
from models import reproduce, runs, settings
from models.__main__ import main
from models.data import DataSet
from models.registry import MODELS

SIZES = {                                  # of the smallest models that have all their parts
    "masked_sequence": dict(shape=(7,), levels=3, channels=1, kernel_size=2, hidden=2),
    "masked_lenet": dict(shape=(1, 7, 7), levels=2, channels=1, kernel_sizes=(2, 2), hidden=2),
    "causal_toy": dict(shape=(3,), levels=3, channels=1),
    "dilated_toy": dict(shape=(4,), levels=3, channels=1, dilations=(2,)),
    "fvsbn": dict(shape=(4,), levels=2, order="random"),
    "nade": dict(shape=(4,), levels=2, hidden=3),
    "made": dict(shape=(4,), levels=3, hidden=[5], order="random", orderings=2, direct=True),
    "bengio": dict(shape=(3,), levels=3, group=2),
    "pixelcnn": dict(shape=(2, 2, 3), levels=3, embedding=2, channels=1, layers=1, first_kernel_size=3, kernel_size=3),
    "pixelcnn_two_stack": dict(shape=(1, 2, 3), levels=2, channels=1, kernel_size=3),
    "gated_pixelcnn": dict(shape=(1, 2, 3), levels=2, embedding=2, channels=1, layers=1, kernel_size=3,
                           first_kernel_size=3, classes=2),
    "piecewise_linear": dict(shape=(1,), levels=None, pieces=4),
    "nvp": dict(shape=(2,), levels=None, depth=2, hidden=2),
    "nice": dict(shape=(4,), levels=4, depth=2, hidden=3, hidden_layers=1),
    "realnvp": dict(shape=(1, 4, 4), levels=4, scales=2, channels=1, blocks=0),
    "planar": dict(shape=(2,), levels=None, depth=2),
    "autoencoder": dict(shape=(1, 16, 16), levels=4, latent=1, channels=1),
    "pca": dict(shape=(4,), levels=4, latent=2),
    "denoising_autoencoder": dict(shape=(4,), levels=4, latent=2),
    "toy_vae": dict(shape=(2,), levels=None, latent=1, hidden=3),
    "vae": dict(shape=(4,), levels=2, latent=2, hidden=[3]),
}
MORE = {                                   # other parts of the same families
    "gaussian": ("denoising_autoencoder", dict(shape=(4,), levels=4, latent=2, noise="gaussian")),
    "salt": ("denoising_autoencoder", dict(shape=(4,), levels=4, latent=2, noise="salt_and_pepper")),
}
CASES = {name: (name, config) for name, config in SIZES.items()} | MORE
DRAWN = ("masked_sequence", "causal_toy", "dilated_toy", "fvsbn", "nade", "made", "bengio", "pixelcnn",
         "pixelcnn_two_stack", "gated_pixelcnn")


def data_for(config):
    """A DataSet of a few examples."""
    rng, levels = np.random.default_rng(0), config["levels"]
    def draw(n):
        if levels is None:
            return rng.normal(size=(n, *config["shape"])).astype(np.float32)
        return rng.integers(0, levels, (n, *config["shape"])).astype(np.uint8)
    n = 1 if len(config["shape"]) == 3 else 4
    return DataSet("tiny", draw(n), rng.integers(0, 2, n), draw(3), rng.integers(0, 2, 3), levels)


def built(case, device, dtype="float32", seed=0):
    """The model of a case on a device, with parameters that are all random numbers."""
    name, config = CASES[case]
    minigrad.manual_seed(seed)
    model = MODELS[name].load().from_config(config).to(device, np.dtype(dtype))
    model.begin(data_for(config))
    rng = np.random.default_rng(seed)
    for parameter in model.parameters():
        parameter.data[...] = on_cpu(parameter) + 0.2 * rng.normal(size=parameter.shape)
    return model


def labels(model, y):
    """The named argument y, where a model takes labels."""
    return {} if model.classes is None else {"y": y}


def stepped(case, device, dtype="float32"):
    """All that a training step gives, as NumPy arrays by name: the loss, the gradients, and the model after Adam."""
    model, data = built(case, device, dtype), data_for(CASES[case][1])
    assert model.device == device
    loss = model.loss(data.train, np.random.default_rng(1), **labels(model, data.train_labels))
    found = {"loss": loss}
    if model.num_parameters():
        loss.backward()
        found |= {f"gradient of {name}": p.grad for name, p in model.named_parameters() if p.grad is not None}
        Adam(model.parameters(), lr=0.1, eps=1e-3).step()
    model.finish(data)
    found |= {name: value for name, value in model.state_dict().items()}
    assert all(value.device == device and value.dtype == dtype for value in found.values())
    return {name: on_cpu(value) for name, value in found.items()}


def differing(on_device, expected, tolerance):
    """The names under which two dicts of arrays differ."""
    assert on_device.keys() == expected.keys()
    return [name for name, array in expected.items()
            if not np.allclose(on_device[name], array, rtol=tolerance, atol=tolerance)]


def test_every_model_has_a_case():
    """No model is left out."""
    assert SIZES.keys() == MODELS.keys()


@pytest.mark.parametrize("case", CASES)
def test_a_training_step(case):
    """The loss, all gradients, parameters and buffers are those of the CPU."""
    assert differing(stepped(case, "cuda"), stepped(case, "cpu"), 1e-5) == []


@pytest.mark.parametrize("case", ["bengio", "nade", "nvp"])
def test_a_training_step_in_float64(case):
    """The same, more exactly."""
    assert differing(stepped(case, "cuda", "float64"), stepped(case, "cpu", "float64"), 1e-10) == []


def test_a_wrong_kernel_is_found(monkeypatch):
    """A gradient that is a little wrong does not pass for that of the CPU."""
    right = cross_entropy_cuda.gradient
    monkeypatch.setattr(cross_entropy_cuda, "gradient", lambda *arguments: right(*arguments) * 1.001)
    wrong = differing(stepped("bengio", "cuda"), stepped("bengio", "cpu"), 1e-5)
    assert "loss" not in wrong and "gradient of head.weight" in wrong


@pytest.mark.parametrize("case", DRAWN)
def test_samples(case):
    """Cached drawing on the device gives the examples that the CPU draws, as NumPy arrays; they are not all alike."""
    y, drawn = np.array([0, 1]), []
    for device in ("cpu", "cuda"):
        model = built(case, device)
        drawn.append(model.sample(2, np.random.default_rng(5), **labels(model, y)))
    assert type(drawn[1]) is np.ndarray and np.array_equal(*drawn) and len(np.unique(drawn[0])) > 1


@pytest.mark.parametrize("case", ["nvp", "nice", "planar", "piecewise_linear", "denoising_autoencoder", "vae", "toy_vae"])
def test_samples_in_one_pass(case):
    """What flows and models with a code draw: integers may differ where rounding decides, by 1."""
    drawn = [built(case, device).sample(3, np.random.default_rng(5)) for device in ("cpu", "cuda")]
    assert type(drawn[1]) is np.ndarray and drawn[0].dtype == drawn[1].dtype
    integers = drawn[0].dtype.kind == "u"
    assert np.allclose(drawn[0].astype(float), drawn[1].astype(float), rtol=1e-5, atol=1 if integers else 1e-5)


def test_completions_and_likelihoods():
    """In-painting, the slow cache, log p(x) and importance weights on the device are those of the CPU."""
    known = np.array([True, True, False])
    x, found = data_for(SIZES["bengio"]).test, []
    for device in ("cpu", "cuda"):
        model = built("bengio", device)
        found.append([model.inpaint(x, known, np.random.default_rng(5), cached=cached) for cached in (True, False)]
                     + [on_cpu(model.log_prob(x).detach())])
        vae = built("vae", device)
        found[-1].append(on_cpu(vae.importance_log_prob(data_for(SIZES["vae"]).test, 2, np.random.default_rng(6))))
        found[-1].append(vae.interpolate(*data_for(SIZES["vae"]).test[:2, None], 3))
    assert all(np.allclose(a, b, rtol=1e-5) for a, b in zip(*found))
    assert np.array_equal(found[1][0], found[1][1]) and np.array_equal(found[1][0][:, known], x[:, known])


# ---------------------------------------------------------------------------------------------------------------------
# The command line

@pytest.fixture
def file(tmp_path):
    """A file with a small data set."""
    np.savez(tmp_path / "tiny.npz", x=np.random.default_rng(0).integers(0, 2, (24, 4)).astype(np.uint8))
    return str(tmp_path / "tiny.npz")


def test_train_and_sample_by_the_command_line(file, tmp_path, capsys):
    """A run on the device keeps that in its config, ends where the CPU's does, and is read on either."""
    places = {device: str(tmp_path / device) for device in ("cpu", "cuda")}
    for device, place in places.items():
        assert main(["train", "fvsbn", "--data", file, "--epochs", "1", "--batch-size", "8", "--out", place,
                     "--device", device]) == 0
        assert runs.read_config(place)["device"] == device
    assert "on the GPU" in capsys.readouterr().out
    ends = [json.load(open(runs.path(place, "metrics.json")))[-1]["test_nats"] for place in places.values()]
    assert np.isclose(*ends, rtol=1e-5)
    for device in ("cpu", "cuda"):
        model, _ = runs.load_model(places["cuda"], device)
        assert model.device == device
        assert main(["sample", places["cuda"], "-n", "2", "--device", device, "--out", f"{places[device]}.png"]) == 0
    assert main(["evaluate", places["cuda"], "--device", "cuda"]) == 0


def test_a_run_goes_on_on_another_device(file, tmp_path, monkeypatch):
    """Checkpoints belong to no device: a run that was stopped on the device goes on there, or where the user says."""
    place = str(tmp_path / "run")
    command = ["train", "fvsbn", "--data", file, "--out", place]


    from models.training import Training
    train_step = Training.train_step
    with monkeypatch.context() as patch:
        patch.setattr(Training, "train_step", lambda training: (train_step(training), training.interrupt())[0])
        assert main(command + ["--epochs", "3", "--batch-size", "8", "--device", "cuda"]) == 130
        assert main(command + ["--resume"]) == 130 and runs.read_config(place)["device"] == "cuda"
    assert main(command + ["--resume", "--device", "cpu"]) == 0 and runs.read_config(place)["device"] == "cpu"
    metrics = json.load(open(runs.path(place, "metrics.json")))
    assert metrics[-1]["step"] == runs.read_config(place)["steps"]


def test_reproduce_on_the_device(file, tmp_path, monkeypatch):
    """A line of the table is trained where the user says, and its result names the place."""
    monkeypatch.setattr(reproduce, "TABLE", [reproduce.Line("line", "fvsbn", file, 0.1, None, "nobody", None,
                                                            settings={"batch_size": 8})])
    monkeypatch.setattr(settings, "planned_steps", lambda config, data: 1)
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", "line", "--device", "cuda"]) == 0
    folder = tmp_path / "runs" / "reproduce-line"
    assert runs.read_config(folder)["device"] == runs.read_json(folder, reproduce.RESULT)["device"] == "cuda"


def test_without_a_driver(file, tmp_path, monkeypatch, capsys):
    """One line says what is missing, and nothing has been written; another device's name is bad usage."""
    monkeypatch.setattr(cuda.driver, "simulated", False)
    monkeypatch.setattr(cuda.driver, "driver", None)
    monkeypatch.setattr(cuda.driver, "LIBRARIES", ("libno-such-driver.so",))
    place = str(tmp_path / "run")
    command = ["train", "fvsbn", "--data", file, "--epochs", "1", "--batch-size", "8", "--out", place, "--device"]
    assert main(command + ["cuda"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("python -m models train: cuda: there is no NVIDIA driver") and said.count("\n") == 1
    assert not (tmp_path / "run").exists()
    with pytest.raises(SystemExit) as stopped:
        main(command + ["gpu"])
    assert stopped.value.code == 2 and "there are cpu, cuda" in capsys.readouterr().err
