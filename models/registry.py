"""What there is: the models and the data sets by name, and how each model is trained unless told otherwise.

Nothing is imported here but on request, so listing the names costs nothing.
"""
import importlib
from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True)
class ModelEntry:
    """A model that the command line knows.

    module, cls     where its class is
    summary         one line for `list`
    recipes         for each data set that it can learn, how: "minutes", "batch_size", "lr", "config", what the class is
                    built with beside the data's shape and levels, and, where wanted, "weight_decay".  The first one is
                    the default
    """
    module: str
    cls: str
    summary: str
    recipes: dict

    def load(self):
        """The model's class."""
        return getattr(importlib.import_module(f".{self.module}", __package__), self.cls)


@dataclass(frozen=True)
class DataEntry:
    """A data set that the command line knows: the module of `models.data` that loads it, and a line about it."""
    module: str
    summary: str


def recipe(minutes, batch_size, lr, **more):
    """A recipe; more: weight_decay, and config, the constructor's arguments."""
    return {"minutes": minutes, "batch_size": batch_size, "lr": lr, "config": {}, **more}


PLANE = ("two_moons", "eight_gaussians", "checkerboard", "banana", "rings")            # data sets of points

MODELS = {
    "masked_sequence": ModelEntry("masked_input", "MaskedSequence", "what came before, as masks and values", {
        "toy_sequences": recipe(1, 32, 3e-3),
    }),
    "masked_lenet": ModelEntry("masked_input", "MaskedLeNet", "the same for images, with LeNet", {
        "digits": recipe(5, 100, 1e-3),
        "mnist": recipe(10, 100, 1e-3),
        "fashion_mnist": recipe(10, 100, 1e-3),
    }),
    "causal_toy": ModelEntry("causal", "CausalToy", "causal convolutions over a sequence", {
        "toy_sequences": recipe(1, 50, 1e-2),
    }),
    "dilated_toy": ModelEntry("causal", "DilatedToy", "dilated causal convolutions that see every lag", {
        "toy_sequences": recipe(1, 25, 5e-3),
    }),
    "fvsbn": ModelEntry("fvsbn", "FVSBN", "logistic regression of each entry on those before it", {
        "binarized_mnist": recipe(2, 100, 1e-2),
        "dynamic_mnist": recipe(2, 100, 1e-2),
        "dna": recipe(0.2, 100, 1e-2, weight_decay=3e-3),
        "mushrooms": recipe(0.2, 100, 3e-2),
    }),
    "nade": ModelEntry("nade", "NADE", "one hidden layer, updated entry by entry", {
        "binarized_mnist": recipe(7, 100, 5e-3, config={"hidden": 500}),       # longer plans fit the training set only
        "dynamic_mnist": recipe(40, 100, 5e-3, config={"hidden": 500}),
        "dna": recipe(0.5, 100, 5e-3, weight_decay=3e-3, config={"hidden": 500}),
        "mushrooms": recipe(0.5, 50, 5e-3, weight_decay=1e-4, config={"hidden": 500, "order": "random"}),
    }),
    "made": ModelEntry("made", "MADE", "a masked autoencoder: all entries in one pass", {
        "binarized_mnist": recipe(4, 100, 3e-3, config={"hidden": [500], "order": "random"}),
        "dynamic_mnist": recipe(4, 100, 3e-3, config={"hidden": [500], "order": "random"}),
        "dna": recipe(0.5, 50, 1e-3, weight_decay=1e-2, config={"hidden": [500], "order": "random"}),
        "mushrooms": recipe(1, 50, 2e-3, weight_decay=3e-4,
                            config={"hidden": [500], "order": "random", "direct": True}),
    }),
    "bengio": ModelEntry("bengio", "Bengio", "Bengio & Bengio's network: a group of hidden units for each entry", {
        "dna": recipe(0.3, 50, 1e-3, weight_decay=1e-2, config={"order": "random"}),
        "mushrooms": recipe(0.3, 50, 2e-3, weight_decay=3e-4, config={"order": "random"}),
    }),
    "pixelcnn": ModelEntry("pixelcnn", "PixelCNN", "masked convolutions, one pixel after the other", {
        "digits": recipe(3, 16, 2e-3, config={"channels": 32, "layers": 5}),
        "mnist": recipe(10, 16, 2e-3, config={"channels": 32, "layers": 5}),
        "fashion_mnist": recipe(10, 16, 2e-3, config={"channels": 32, "layers": 5}),
        "binarized_mnist": recipe(60, 16, 3e-3, config={"embedding": 16, "channels": 32, "layers": 7}),
        "dynamic_mnist": recipe(60, 16, 3e-3, config={"embedding": 16, "channels": 32, "layers": 7}),
    }),
    "pixelcnn_two_stack": ModelEntry("two_stack", "TwoStackPixelCNN", "a stack for the rows above, one for the left", {
        "digits": recipe(5, 16, 1e-3),
        "mnist": recipe(10, 16, 1e-3),
        "fashion_mnist": recipe(10, 16, 1e-3),
        "binarized_mnist": recipe(30, 16, 1e-3),
        "dynamic_mnist": recipe(30, 16, 1e-3),
    }),
    "gated_pixelcnn": ModelEntry("gated", "GatedPixelCNN", "two stacks with gates, without a blind spot", {
        "binarized_mnist": recipe(60, 16, 4e-3, config={"embedding": 8, "channels": 24, "layers": 6}),
        "dynamic_mnist": recipe(60, 16, 4e-3, config={"embedding": 8, "channels": 24, "layers": 6}),
        "digits": recipe(10, 16, 2e-3, config={"embedding": 32}),
        "mnist": recipe(20, 16, 2e-3, config={"embedding": 32}),
        "fashion_mnist": recipe(20, 16, 2e-3, config={"embedding": 32}),
    }),
    "piecewise_linear": ModelEntry("piecewise_linear", "PiecewiseLinear", "a monotone map of the real line", {
        "lecture_1d": recipe(0.5, 250, 1e-2),
    }),
    "nvp": ModelEntry("nvp", "NVP", "affine coupling layers in the plane", {
        name: recipe(2, 256, 2e-3, config={"depth": 8, "hidden": 64, "hidden_layers": 2, "activation": "relu"})
        for name in PLANE
    }),
    "nice": ModelEntry("nice", "NICE", "additive coupling layers, logistic noise", {
        "digits": recipe(10, 200, 1e-3, config={"hidden": 500, "hidden_layers": 3}),
        "mnist": recipe(20, 200, 1e-3, config={"hidden": 500, "hidden_layers": 3}),
        "fashion_mnist": recipe(20, 200, 1e-3, config={"hidden": 500, "hidden_layers": 3}),
    }),
    "realnvp": ModelEntry("realnvp", "RealNVP", "affine coupling layers for images, at several scales", {
        "digits": recipe(10, 32, 2e-3, config={"channels": 16}),
        "mnist": recipe(20, 32, 2e-3, config={"channels": 16}),
        "fashion_mnist": recipe(20, 32, 2e-3, config={"channels": 16}),
    }),
    "planar": ModelEntry("planar", "Planar", "planar flows in the plane", {
        name: recipe(2, 500, 2e-3) for name in PLANE
    }),
    "autoencoder": ModelEntry("autoencoder", "Autoencoder", "convolutional, with a Gaussian of its codes", {
        "mnist": recipe(20, 32, 3e-3, config={"latent": 8}),
        "digits": recipe(10, 32, 3e-3, config={"latent": 8}),
        "fashion_mnist": recipe(20, 32, 3e-3, config={"latent": 8}),
    }),
    "pca": ModelEntry("pca", "PCA", "principal components, and a Gaussian of the codes", {
        "mnist": recipe(1, 100, 1e-3, config={"latent": 8}),
        "digits": recipe(1, 100, 1e-3, config={"latent": 8}),
        "fashion_mnist": recipe(1, 100, 1e-3, config={"latent": 8}),
    }),
    "denoising_autoencoder": ModelEntry("denoising", "DenoisingAutoencoder", "an autoencoder that sees noise", {
        "mnist": recipe(3, 100, 2e-3),
        "digits": recipe(3, 100, 2e-3),
        "fashion_mnist": recipe(3, 100, 2e-3),
    }),
    "toy_vae": ModelEntry("vae", "ToyVAE", "a variational autoencoder in the plane", {
        name: recipe(1, 100, 1e-2) for name in PLANE
    }),
    "vae": ModelEntry("vae", "VAE", "a variational autoencoder, dense or convolutional", {
        "dynamic_mnist": recipe(45, 100, 1e-3),
        "binarized_mnist": recipe(45, 100, 1e-3),
        "mnist": recipe(20, 64, 1e-3, config={"network": "convolutional", "latent": 32}),
        "digits": recipe(10, 64, 1e-3, config={"network": "convolutional", "latent": 32}),
        "fashion_mnist": recipe(20, 64, 1e-3, config={"network": "convolutional", "latent": 32}),
    }),
}
# A homework's hand-out comes without the modules that would give its answers away, and then without their models.
MODELS = {name: entry for name, entry in MODELS.items() if find_spec(f"{__package__}.{entry.module}")}

DATA = {
    "digits": DataEntry("digits", "drawn on the spot from matplotlib's fonts: 12,000 + 2,000 of 28x28, 256 greys"),
    "mnist": DataEntry("mnist", "handwritten digits: 60,000 + 10,000 of 28x28, 256 greys"),
    "fashion_mnist": DataEntry("fashion_mnist", "pictures of clothes: 60,000 + 10,000 of 28x28, 256 greys"),
    "binarized_mnist": DataEntry("binarized_mnist", "mnist drawn in black and white once: the fixed split"),
    "dynamic_mnist": DataEntry("dynamic_mnist", "mnist drawn in black and white anew in each batch"),
    "dna": DataEntry("dna", "binary vectors of 180 entries"),
    "mushrooms": DataEntry("mushrooms", "binary vectors of 112 entries"),
    "toy_sequences": DataEntry("toy_sequences", "sequences of 32 values out of 64, linear in two parts"),
    "two_moons": DataEntry("two_moons", "points of the plane on two half circles, noise 0.1"),
    "eight_gaussians": DataEntry("eight_gaussians", "points of the plane around eight centres"),
    "checkerboard": DataEntry("checkerboard", "points of the plane on the black fields of a board"),
    "banana": DataEntry("banana", "points of the plane around a parabola"),
    "rings": DataEntry("rings", "points of the plane around circles"),
    "lecture_1d": DataEntry("lecture_1d", "real numbers, the lecture's target density"),
}
