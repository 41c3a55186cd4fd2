"""Random numbers on the device: Philox4x64-10 (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, 2011).

The generator is a function, from a key and a counter to four random integers of 64 bits, so that every thread can draw
its own numbers, by itself: thread i asks for counter i.  It is NumPy's: with the same key, `uniform` gives the numbers
of

    np.random.Generator(np.random.Philox(key=key)).random(shape, dtype)

bit for bit.  NumPy's normal numbers come from a method that draws again where it rejects a number, one after the other;
here they come from pairs of uniform ones, by Box and Muller's formula, and are others.
"""
import functools
import math
import numpy as np
from .array import empty
from .launch import Kernel, cuda, device, functions, spread

ROUNDS = 10
# NumPy's integers, which stay unsigned in a kernel: with one of Python's, the result would be floating-point
ZERO, LOW, HALF, SPARE_32, SPARE_64 = map(np.uint64, (0, 0xFFFFFFFF, 32, 8, 11))
MULTIPLIER_0, MULTIPLIER_1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
WEYL_0, WEYL_1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)      # added to the key's halves in each round


@device
def high(a, b):
    """The upper 64 bits of a product of two integers of 64 bits, from the products of their halves."""
    a_low, a_high, b_low, b_high = a & LOW, a >> HALF, b & LOW, b >> HALF
    middle = a_high * b_low + (a_low * b_low >> HALF)      # at most (2^32 - 1)^2 + 2^32 - 1: no overflow
    other = a_low * b_high + (middle & LOW)
    return a_high * b_high + (middle >> HALF) + (other >> HALF)


@device
def philox(counter, key_0, key_1):
    """The four integers that belong to a counter and a key of two halves."""
    a, b, c, d = counter, ZERO, ZERO, ZERO
    for _ in range(ROUNDS):
        a, b, c, d = (high(MULTIPLIER_1, c) ^ b ^ key_0, MULTIPLIER_1 * c,
                      high(MULTIPLIER_0, a) ^ d ^ key_1, MULTIPLIER_0 * a)
        key_0 += WEYL_0
        key_1 += WEYL_1
    return a, b, c, d


@device
def uniform_32(words, j):
    """Number j of the eight in [0, 1) that four words give: the upper 24 of 32 bits, of a word's lower half first."""
    half = words[j // 2] >> HALF if j % 2 else words[j // 2] & LOW
    return np.float32(half >> SPARE_32) * EPSILON_32


@device
def uniform_64(words, j):
    """Number j of the four in [0, 1) that four words give: the upper 53 bits of a word."""
    return np.float64(words[j] >> SPARE_64) * EPSILON_64


EPSILON_32, EPSILON_64 = np.float32(2.0 ** -24), np.float64(2.0 ** -53)
DRAWS = {"f": (uniform_32, 8), "d": (uniform_64, 4)}       # of each type: one number, and how many four words give


@functools.cache
def uniform_kernel(letter):
    """The kernel for uniform numbers: a thread makes those of one counter, from 1 on, as NumPy counts."""
    draw, each = DRAWS[letter]

    def kernel(n, key_0, key_1, out):
        for i in range(cuda.grid(1), (n + each - 1) // each, cuda.gridsize(1)):
            words = philox(np.uint64(i + 1), key_0, key_1)
            for j in range(min(each, n - each * i)):
                out[each * i + j] = draw(words, j)
    return Kernel(kernel)


@functools.cache
def normal_kernel(letter):
    """The kernel for normal numbers: r cos(2 pi v) and r sin(2 pi v) with r = sqrt(-2 log(1 - u)), for uniform u and v."""
    draw, each = DRAWS[letter]
    T = np.dtype(letter).type
    one, minus_two, turn = T(1), T(-2), T(2 * math.pi)

    def kernel(n, key_0, key_1, out):
        for i in range(cuda.grid(1), (n + each - 1) // each, cuda.gridsize(1)):
            words = philox(np.uint64(i + 1), key_0, key_1)
            for j in range(0, min(each, n - each * i), 2):
                r = functions.sqrt(minus_two * functions.log(one - draw(words, j)))
                angle = turn * draw(words, j + 1)
                out[each * i + j] = r * functions.cos(angle)
                if each * i + j + 1 < n:
                    out[each * i + j + 1] = r * functions.sin(angle)
    return Kernel(kernel)


def drawn(kernels, key, shape, dtype):
    """An Array of random numbers.   Raises TypeError unless dtype is float32 or float64"""
    dtype = np.dtype(dtype)
    if dtype.char not in DRAWS:
        raise TypeError(f"cuda: random numbers are float32 or float64, not {dtype}")
    if not 0 <= key < 1 << 128:
        raise ValueError(f"cuda: the key of random numbers is an integer of 128 bits, not {key}")
    out = empty(shape, dtype)
    if out.size:
        counters = -(-out.size // DRAWS[dtype.char][1])
        kernels(dtype.char)(*spread(counters), out.size, np.uint64(key & (1 << 64) - 1), np.uint64(key >> 64), out)
    return out


def uniform(key, shape, dtype=np.float32):
    """Uniform numbers in [0, 1), those of NumPy's Philox with this key.   key: an integer of up to 128 bits"""
    return drawn(uniform_kernel, key, shape, dtype)


def normal(key, shape, dtype=np.float32):
    """Standard normal numbers; they depend on the key alone.   key: an integer of up to 128 bits"""
    return drawn(normal_kernel, key, shape, dtype)
