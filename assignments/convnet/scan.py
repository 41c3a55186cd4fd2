"""A look at the source of a submission: what in it may be against the rules.   It can be wrong either way, so it only
advises; the measurements of hidden.py are the other witness.
"""
import ast

MATRIX = {"as_strided", "sliding_window_view", "dot", "matmul", "tensordot", "einsum", "inner", "vdot", "kron", "fft",
          "toeplitz", "linalg"}
OF_NUMPY = {"convolve", "correlate"}       # which the engine has functions of its own of
FORBIDDEN = {"exec", "eval", "compile", "__import__", "open", "getattr", "setattr", "globals", "objmode", "py_func"}
WORDS = ("im2col", "col2im", "unfold", "toeplitz")
COMPILED = {"convolve", "convolve_transposed", "correlate"}                    # whose loops Numba is to compile
LOOPS = (ast.For, ast.While, ast.ListComp, ast.GeneratorExp)


def suspicious(files, sources, imports):
    """Lines "file:line: what" on everything in the files' sources that may be against the rules, in order.

    imports     the modules that may be imported, beside the engine's own
    """
    return tuple(f"{file}:{line}: {what}" for file, source in zip(files, sources)
                 for line, what in sorted(set(findings(source, imports))))


def findings(source, imports):
    """(line, what) of each finding in a source."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield 1, "no Python that can be read"
        return
    for node in ast.walk(tree):
        for what in finding(node, imports):
            yield getattr(node, "lineno", 1), what


def finding(node, imports):
    """What is suspicious in one node of a syntax tree."""
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.MatMult):
        yield "the matrix product @"
    if isinstance(node, ast.Attribute):
        if node.attr in MATRIX | FORBIDDEN:
            yield ast.unparse(node)
        elif node.attr in OF_NUMPY and isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy"):
            yield ast.unparse(node)
    if isinstance(node, ast.Name) and node.id in MATRIX | FORBIDDEN:
        yield node.id
    if isinstance(node, ast.Import):
        yield from (f"import {name.name}" for name in node.names if name.name.partition(".")[0] not in imports)
    if isinstance(node, ast.ImportFrom):
        if node.level == 0 and node.module.partition(".")[0] not in (*imports, "minigrad", "layers"):
            yield f"from {node.module} import ..."
        yield from (f"from {node.module} import {name.name}" for name in node.names
                    if name.name in MATRIX | OF_NUMPY | FORBIDDEN)
    if isinstance(node, ast.FunctionDef) and node.name in COMPILED:
        compiled = any("jit" in ast.unparse(decorator) for decorator in node.decorator_list)
        if not compiled and any(isinstance(part, LOOPS) for part in ast.walk(node)):
            yield f"a loop of Python in {node.name}"
    for name in names_of(node):
        if any(word in name.lower() for word in WORDS):
            yield f"the name {name}"


def names_of(node):
    """The names that a node gives to something."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.arg):
        return [node.arg]
    return [node.id] if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else []
