"""Solutions of an assignment, right and wrong, as the files that would be handed in: path -> bytes."""
import ast
import textwrap
from .cut import ROOT, find, span


def reference(assignment):
    """The engine's own."""
    return {path: (ROOT / path).read_bytes() for path in assignment.files}


def faulty(assignment, fault):
    """The reference with a Fault.   Raises ValueError if its function does not hold the text that is to be replaced."""
    files, (path, _, name) = reference(assignment), fault.hole.partition(":")
    source = files[path].decode()
    lines, (start, end, _) = source.splitlines(keepends=True), span(source, name)
    body = "".join(lines[start:end])
    if fault.old not in body:
        raise ValueError(f"{assignment.id}: the fault {fault.name!r}: there is no {fault.old!r} in {fault.hole}")
    files[path] = "".join([*lines[:start], body.replace(fault.old, fault.new, 1), *lines[end:]]).encode()
    return files


def alternative(assignment, honest):
    """The reference with an Honest solution's functions.   Raises ValueError if it has no such function."""
    files = reference(assignment)
    for hole, text in honest.sources.items():
        path, _, name = hole.partition(":")
        source = files[path].decode()
        lines, function = source.splitlines(keepends=True), find(source, name)
        first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
        new = textwrap.indent(textwrap.dedent(text).strip("\n") + "\n", " " * function.col_offset)
        files[path] = "".join([*lines[:first - 1], new, *lines[function.end_lineno:]]).encode()
        ast.parse(files[path])
    return files
