"""Compile a function once, and call it by its address.

Numba puts a copy of a compiled function into every compiled function that calls it, and LLVM then works on the copies
again.  A parallel loop has three such functions around its body; so a kernel that runs in one was compiled four times.
A call by address copies nothing.
"""
import numpy as np
from llvmlite import ir
from .compiled import config, njit, prange                 # first: it says how Numba's threads wait
from numba import cfunc, types, typeof
from numba.core import cgutils
from numba.extending import intrinsic


class MachineCode:
    """A function that is compiled once for each kind of `key`, whatever calls it.

    function    takes what Numba can compile, and returns 0
    """

    def __init__(self, function):
        self.function, self.compiled = function, {}

    def address(self, key, arguments):
        """Where the code for arguments like these is.  key: what their types depend on

        (Without Numba's compiler, it is the function itself.)
        """
        if config.DISABLE_JIT:
            return self.function
        if key not in self.compiled:
            self.compiled[key] = cfunc(types.int64(*map(typeof, arguments)), cache=True)(self.function)
        return self.compiled[key].address


@intrinsic
def call(typingctx, address, arguments):
    """Call the function at an address with a tuple of arguments.  Nothing checks that they are of its types."""
    def codegen(context, builder, signature, given):
        kind = ir.FunctionType(ir.IntType(64), [context.get_value_type(t) for t in arguments.types])
        function = builder.inttoptr(given[0], kind.as_pointer())
        return builder.call(function, cgutils.unpack_tuple(builder, given[1]))
    return types.int64(types.int64, arguments), codegen


if config.DISABLE_JIT:
    def call(function, arguments):
        """Call the function itself."""
        return function(*arguments)


@njit(parallel=True, cache=True)
def on_all_threads(address, jobs, arguments):
    """Call the function at an address for each job from 0 on: with its number, then the arguments, a tuple without
    tuples in it.

    Threads share the jobs, so no two may write the same place (or both the same number).
    """
    for job in prange(jobs):               # it counts in uint64
        call(address, (np.int64(job),) + arguments)
