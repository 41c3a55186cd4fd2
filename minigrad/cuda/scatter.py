"""Sums of rows by number: the gradient of an embedding, and of every other read with an index array.

    numbers     1  0  1  1            table row 0: values[1]
    values      the matrix's rows     table row 1: values[0] + values[2] + values[3]

Many threads that add to one place at once would have to queue up, and the order, and so the rounding, would be left to
chance.  There are two ways to avoid that:

- Where the table is small, many partial tables are made, each of its own share of the rows, and then added.
- Where it is large, the rows are sorted by their numbers, on the host, and a thread adds what belongs to one place.
"""
import numpy as np
from .array import asarray
from .functions import full
from .launch import Kernel, cuda, simulated, spread

FEW = 8 if simulated else 4096             # so many rows at most has a table that is small
SHARE = 4                                  # a partial table has at most a quarter as many rows as go into it
WORKERS = 16 if simulated else 1 << 18     # threads that the device is busy with
WIDE = 2 if simulated else 32              # columns from which on neighbouring threads share a row
TURNS = 4 if simulated else 16             # so many threads at most look at the same rows


def sums(numbers, values, size):
    """The table (size, columns): its row v is the sum of the values[i] with numbers[i] == v.

    numbers     Array (rows,), int64; what is below 0 is left out
    values      Array (rows, columns)
    """
    values = values if values.flags.c_contiguous else values.copy()
    small = size <= FEW and size * SHARE <= numbers.size
    return by_tables(numbers, values, size) if small else by_order(numbers, values, size)


def by_tables(numbers, values, size):
    """The sums, by partial tables that are added."""
    rows, columns = values.shape
    tables = max(min(rows // (SHARE * size), WORKERS // columns), 1)
    turns = 1
    while turns < min(size, TURNS) and 2 * turns * tables * columns <= WORKERS:
        turns *= 2
    share = -(-rows // tables)
    first, step = (share, 1) if columns >= WIDE else (1, tables)           # neighbouring threads read neighbours
    partial = full((tables, size, columns), 0, values.dtype)
    n = tables * turns * columns
    tabulate(*spread(n), n, rows, columns, size, tables, turns, share, first, step, numbers, values, partial)
    return partial.sum(0)


@Kernel
def tabulate(n, rows, columns, size, tables, turns, share, first, step, numbers, values, partial):
    """Thread (turn, table, column) adds those rows of the table's share whose number, divided by turns, leaves `turn`."""
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        column, table, turn = i % columns, i // columns % tables, i // (columns * tables)
        for j in range(share):
            row = table * first + j * step
            if row < rows:
                v = numbers[row]
                if v >= 0 and v & (turns - 1) == turn:
                    partial[(table * size + v) * columns + column] += values[row * columns + column]


def by_order(numbers, values, size):
    """The sums, by sorting the rows on the host."""
    columns = values.shape[1]
    table = full((size, columns), 0, values.dtype)
    on_host = numbers.numpy()              # raises what kernels found out of range, so none is below 0
    order = np.argsort(on_host, kind="stable")
    places, starts = np.unique(on_host[order], return_index=True)
    ends = np.append(starts, order.size)
    n = places.size * columns
    if n:
        add_up(*spread(n), n, columns, *map(asarray, (places, ends, order)), values, table)
    return table


@Kernel
def add_up(n, columns, places, ends, order, values, table):
    """Thread (p, column) adds the rows order[ends[p]], ..., order[ends[p + 1] - 1] to row places[p] of the table."""
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        p, column = i // columns, i % columns
        at = places[p] * columns + column
        for j in range(ends[p], ends[p + 1]):
            table[at] += values[order[j] * columns + column]
