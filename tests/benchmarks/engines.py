"""The two engines, behind one face.

Names and semantics are the same in both, so a workload is a function of an engine that says `engine.torch.exp`,
`engine.nn.Linear`, `engine.F.relu`.  The few differences are here: masked and causal convolutions, which PyTorch does
not have, and how arrays come in.

The number of threads is in the environment (`__main__` sets it), where both engines look when they are loaded.
"""
import numpy as np


class Engine:
    """One engine.

    name            "ours" or "torch"
    torch, nn, F    what `import torch`, `torch.nn`, `torch.nn.functional` are, or what stands in their place
    device          "cpu" or "cuda"
    tensor          turns an array into a tensor on the device, with a copy
    MaskedConv2d    (mask_type, in_channels, out_channels, kernel_size): keeps the image's size
    causal          (x, weight, bias, dilation): a 1-D convolution in which no output sees a later input
    """

    def __init__(self, name, torch, nn, F, device, tensor, MaskedConv2d, causal):
        self.name, self.torch, self.nn, self.F, self.device = name, torch, nn, F, device
        self.tensor, self.MaskedConv2d, self.causal = tensor, MaskedConv2d, causal

    def fill(self, model, seed=0):
        """Put the model on the device, and give every parameter numbers that depend on its place and shape alone: the
        same in both engines."""
        rng = np.random.default_rng(seed)
        model = model.to(self.device)
        for _, parameter in sorted(model.named_parameters()):
            shape = tuple(parameter.shape)
            bound = 1 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.05
            with self.torch.no_grad():
                parameter.copy_(self.tensor(rng.uniform(-bound, bound, shape).astype(np.float32)))
        return model


def ours(device="cpu"):
    """This project's engine."""
    import minigrad
    import layers
    import layers.functional as F

    def masked(mask_type, in_channels, out_channels, kernel_size):
        return layers.MaskedConv2d(mask_type, in_channels, out_channels, kernel_size, padding="same")

    def causal(x, weight, bias, dilation):
        return F.conv1d(x, weight, bias, padding="causal", dilation=dilation)

    return Engine("ours", minigrad, layers, F, device, lambda array: minigrad.tensor(array).to(device), masked, causal)


def pytorch(device="cpu"):
    """PyTorch, or None where it is not installed (extra `bench`) or doesn't have the device.

    On a GPU its float32 is made float32: by itself, it would round the factors to TensorFloat-32's 11 bits.
    """
    try:
        import torch
    except ImportError:
        return None
    from torch import nn
    import torch.nn.functional as F
    if device == "cuda":
        if not torch.cuda.is_available():
            return None
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False

    class MaskedConv2d(nn.Conv2d):
        """What a PyTorch program does: a whole convolution, with the mask multiplied into its weight."""

        def __init__(self, mask_type, in_channels, out_channels, kernel_size):
            super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
            mask = torch.zeros(kernel_size, kernel_size)
            mask[:kernel_size // 2] = 1
            mask[kernel_size // 2, :kernel_size // 2 + (mask_type == "B")] = 1
            self.register_buffer("mask", mask, persistent=False)

        def forward(self, x):
            return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)

    def causal(x, weight, bias, dilation):
        return F.conv1d(F.pad(x, (dilation * (weight.shape[-1] - 1), 0)), weight, bias, dilation=dilation)

    return Engine("torch", torch, nn, F, device, lambda array: torch.tensor(array, device=device), MaskedConv2d, causal)
