"""The geometry of a convolution: everything about it but the numbers.  All kernel sets share it.

1-D is 2-D with images of width 1.  For the output position (r, q) and the kernel tap (a, b), the input pixel is

    (stride * r + dilation * a - top,   stride * q + dilation * b - left)

with the stride and the dilation of its axis, and pixels outside the image are zero.
"""
from collections import namedtuple
from functools import lru_cache


class Geometry(namedtuple("Geometry", "size kernel stride padding dilation groups taps")):
    """A convolution's geometry.

    size        (H, W) of the input of the convolution: the output of the transposed one
    kernel      (KH, KW)
    stride      (down, right)
    padding     (top, bottom, left, right): zeros around the image
    dilation    (down, right): the distance between neighbouring taps
    groups      input and output channels are cut into so many independent groups
    taps        the kernel positions (a, b) that take part, in order; a mask leaves some out
    """
    __slots__ = ()

    @property
    def output_size(self):
        """(OH, OW): floor((H + top + bottom - ((KH - 1) * dilation + 1)) / stride) + 1, and so for W."""
        top, bottom, left, right = self.padding
        return tuple((n + before + after - (k - 1) * d - 1) // s + 1
                     for n, before, after, k, d, s in zip(self.size, (top, left), (bottom, right), self.kernel,
                                                          self.dilation, self.stride))


@lru_cache(maxsize=None)
def all_taps(kernel):
    """Every position of a kernel, row by row."""
    return tuple((a, b) for a in range(kernel[0]) for b in range(kernel[1]))
