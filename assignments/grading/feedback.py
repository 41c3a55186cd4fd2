"""What is wrong with a value, in words: first its type, then its shape, then its dtype, then its numbers."""
import numpy as np

TEXT_LIMIT = 4000          # characters of what is said about one case


def difference(values, expected, rtol, atol):
    """None if all values are those expected, else a line on the first that is not."""
    values, expected = as_tuple(values), as_tuple(expected)
    if len(values) != len(expected):
        return f"{count(len(expected))} expected, {len(values)} returned"
    for number, (value, wanted) in enumerate(zip(values, expected), start=1):
        wrong = of_one(value, wanted, rtol, atol)
        if wrong:
            return wrong if len(values) == 1 else f"value {number} of {len(values)}: {wrong}"
    return None


def count(number):
    """So many values, in words."""
    return "1 value" if number == 1 else f"{number} values"


def as_tuple(values):
    """What a probe returned, as a flat tuple."""
    if not isinstance(values, tuple):
        return (values,)
    return tuple(item for value in values for item in as_tuple(value))


def of_one(value, wanted, rtol, atol):
    """The difference between two single values."""
    if value is None or isinstance(value, str) or wanted is None or isinstance(wanted, str) or (
            np.asarray(wanted).dtype.kind == "U"):
        same = type(value) is str and str(wanted) == value or value is wanted is None
        return None if same else f"expected {shown(wanted)}, received {shown(value)}"
    value, wanted = np.asarray(value), np.asarray(wanted)
    if value.shape != wanted.shape:
        return f"expected the shape {wanted.shape}, received {value.shape}"
    if wanted.ndim and value.dtype != wanted.dtype:
        return f"expected the dtype {wanted.dtype}, received {value.dtype}"
    if wanted.size == 0:
        return None
    return of_numbers(value, wanted, rtol, atol)


def of_numbers(value, wanted, rtol, atol):
    """The first number that is too far from the expected one.   Tolerance: atol + rtol * the largest expected one."""
    if wanted.dtype.kind not in "fc" and value.dtype.kind not in "fc":
        wrong, allowed = value != wanted, 0
    else:
        number = complex if "c" in (wanted.dtype.kind, value.dtype.kind) else float
        value, wanted = value.astype(number), wanted.astype(number)
        finite = np.isfinite(wanted)
        allowed = atol + rtol * np.abs(wanted[finite]).max(initial=0.0)
        with np.errstate(invalid="ignore", over="ignore"):
            far = ~(np.abs(value - wanted) <= allowed)
        same = (value == wanted) | (np.isnan(value) & np.isnan(wanted))
        wrong = np.where(finite, far, ~same)
    if not wrong.any():
        return None
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f"at index {index if len(index) != 1 else index[0]}: " if index else ""
    text = f"{place}expected {shown(wanted[index])}, received {shown(value[index])}"
    if wanted.dtype.kind in "fc" and np.isfinite(value).all() and finite.all():
        error = np.abs(value - wanted).max()
        text += f"; largest difference {error:.3g}"
        if np.abs(wanted).max() > 0:
            text += f", {error / np.abs(wanted).max():.2g} of the largest expected value"
    bad = int(wrong.sum())
    return f"{text}; {bad} of {wrong.size} numbers {'is' if bad == 1 else 'are'} wrong" if wrong.size > 1 else text


def shown(value):
    """A single value as text."""
    if value is None or isinstance(value, str):
        return clean(repr(value), 60)
    value = np.asarray(value)
    if value.shape:
        return f"an array of shape {value.shape}"
    return f"{value[()]:.9g}" if value.dtype.kind in "fc" else str(value[()])


def clean(text, limit=TEXT_LIMIT):
    """Text as it can be shown anywhere: no control characters but line ends and tabs, not too long."""
    text = text.encode("utf-8", "replace").decode().replace("\r\n", "\n")
    text = "".join(c if c in "\n\t" or c.isprintable() else "?" for c in text[:limit + 1])
    return text if len(text) <= limit else f"{text[:limit]} ... (cut off)"
