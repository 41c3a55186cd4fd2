"""The homework on autoencoders."""
from ..manifest import Assignment, Task

AUTOENCODER, LATENT, VAE = "models/autoencoder.py", "models/latent.py", "models/vae.py"

ASSIGNMENT = Assignment(
    id="autoencoders",
    title="Autoencoders, and the bounds of a variational one",
    tasks=(
        Task("1", "The decoder, and the error", (f"{AUTOENCODER}:transposed_convolutions",
                                                 f"{AUTOENCODER}:Autocoder.nats")),
        Task("2", "Codes", (f"{LATENT}:Coded.interpolate", f"{AUTOENCODER}:Autocoder.finish",
                            f"{AUTOENCODER}:Autocoder.sample")),
        Task("3", "Gaussians", (f"{LATENT}:log_normal", f"{LATENT}:kl_to_standard_normal", f"{LATENT}:reparameterise")),
        Task("4", "The ELBO", (f"{LATENT}:Latent.terms", f"{LATENT}:Latent.elbo", f"{VAE}:VAE.loss")),
        Task("5", "The likelihood of an image", (f"{VAE}:VAE.log_likelihood",)),
        Task("6", "The importance-weighted bound", (f"{LATENT}:Latent.log_weights",
                                                    f"{LATENT}:Latent.log_mean_weight")),
        Task("7", "Train them, and look", ()),
    ),
    left_out=("models/denoising.py", "models/figures/noise.py"),
    rules=(
        "Write in the functions that raise NotImplementedError; change no signature, and nothing outside of them "
        "except for helper functions and imports of your own in the same files.",
        "Random numbers come from the generator that a function is given, and from nowhere else.",
    ),
)
