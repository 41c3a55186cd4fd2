"""How values travel between the grader and a worker: a header in JSON, then the raw bytes of the arrays in it.

    message = b"minigrad" + the lengths of header and body, 8 bytes each, little-endian + header + body

The header holds any JSON; under the key "values" it has None, truth values, numbers, strings, lists for tuples, and
{"dtype": "float64", "shape": [2, 3]} for an array, whose bytes, in C order, are next in the body.  Nothing is ever
unpickled: a message can be wrong, but it cannot do anything.  Whoever wrote it, `read` gives values or raises
BadMessage.
"""
import json
import math
import struct
import numpy as np

MAGIC = b"minigrad"
LENGTHS = struct.Struct("<QQ")
HEADER_LIMIT = 1 << 20
BODY_LIMIT = 128 << 20
DTYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
          "float64", "complex64", "complex128")
DEPTH = 8                  # of tuples within tuples
COUNT = 10_000             # of values in a message


class BadMessage(ValueError):
    """Bytes that are no message, or a value that cannot be in one."""


def write(stream, header, values=None):
    """Send a header, a dict, and values.   Raises BadMessage for values that no message can hold."""
    arrays = []
    text = json.dumps({**header, "values": pack(values, arrays)}).encode()
    body = sum(array.nbytes for array in arrays)
    if len(text) > HEADER_LIMIT or body > BODY_LIMIT:
        raise BadMessage(f"values of {body} bytes, which are too large to be sent; at most {BODY_LIMIT} are read")
    stream.write(MAGIC + LENGTHS.pack(len(text), body) + text)
    for array in arrays:
        stream.write(array.data if array.size else b"")
    stream.flush()


def pack(value, arrays, depth=0):
    """A value as JSON; the arrays in it are appended to `arrays`, in C order."""
    if value is None or type(value) in (bool, str, int):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else pack(np.array(value), arrays)
    if type(value) in (tuple, list):
        if depth == DEPTH:
            raise BadMessage(f"tuples are nested more than {DEPTH} deep")
        return [pack(item, arrays, depth + 1) for item in value]
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if type(value) is not np.ndarray:
        raise BadMessage(f"a value of type {type(value).__name__}; an array, a number, a string, None or a tuple of "
                         f"those was expected")
    if value.dtype.name not in DTYPES:
        raise BadMessage(f"an array of dtype {value.dtype}; numbers or truth values were expected")
    if value.nbytes > BODY_LIMIT:
        raise BadMessage(f"an array of {value.nbytes} bytes, which is too large to be sent; at most {BODY_LIMIT} are "
                         f"read")
    arrays.append(np.array(value, value.dtype.newbyteorder("="), order="C", copy=None))
    return {"dtype": value.dtype.name, "shape": list(value.shape)}


def read(stream):
    """Receive (header, values), or None at the end of the stream.   Raises BadMessage for anything else."""
    start = stream.read(len(MAGIC) + LENGTHS.size)
    if not start:
        return None
    if len(start) < len(MAGIC) + LENGTHS.size or start[:len(MAGIC)] != MAGIC:
        raise BadMessage("bytes that are no message")
    header_size, body_size = LENGTHS.unpack(start[len(MAGIC):])
    if header_size > HEADER_LIMIT or body_size > BODY_LIMIT:
        raise BadMessage("a message that is too large")
    text, body = stream.read(header_size), bytearray(body_size)
    if len(text) < header_size or stream.readinto(body) < body_size:
        raise BadMessage("a message that was cut short")
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise BadMessage("a header that is no JSON") from None
    if type(header) is not dict or "values" not in header:
        raise BadMessage("a header without values")
    return header, Unpacker(body).all(header.pop("values"))


class Unpacker:
    """Takes the arrays of a message from its body, one after another."""

    def __init__(self, body):
        self.body, self.position, self.count = body, 0, 0

    def all(self, packed):
        """The values of a message, whose body must be used up.   Raises BadMessage."""
        value = self.value(packed)
        if self.position != len(self.body):
            raise BadMessage("a message with bytes that belong to no array")
        return value

    def value(self, packed, depth=0):
        """One value from its JSON."""
        self.count += 1
        if self.count > COUNT or depth > DEPTH:
            raise BadMessage("a message of too many values")
        if packed is None or type(packed) in (bool, str, int, float):
            return packed
        if type(packed) is list:
            return tuple(self.value(item, depth + 1) for item in packed)
        return self.array(packed)

    def array(self, packed):
        """The next array of the body.  It can be written to, and shares its memory with no other."""
        dtype, shape = packed.get("dtype"), packed.get("shape")
        if type(dtype) is not str or dtype not in DTYPES or type(shape) is not list or len(shape) > 16 or not all(
                type(size) is int and 0 <= size <= BODY_LIMIT for size in shape):
            raise BadMessage("an array of no known dtype or shape")
        count = math.prod(shape)
        size = count * np.dtype(dtype).itemsize
        if count > BODY_LIMIT or self.position + size > len(self.body):
            raise BadMessage("an array that is larger than the message")
        array = np.frombuffer(self.body, dtype, count, self.position).reshape(shape).copy()
        self.position += size
        return array
