"""Cutting: a file of the engine in, the same file with holes out.

A hole is a function whose body is taken out, found by the syntax tree: "MADE.draw_degrees" is a method.  Its
decorators, its signature and its docstring stay, and in place of the body it raises NotImplementedError with the text
that says which task it is.  Everything else of the file stays as it is, to the byte.
"""
import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("minigrad", "layers", "models")
OF_STUDENTS = ("__init__.py", "public.py", "probes.py", "inputs.py", "scan.py")    # of an assignment's folder
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def cut(source, texts):
    """The source with holes.   texts: the name of each hole -> the text of its NotImplementedError

    Raises ValueError if there is no such function, or nothing in it to take out.
    """
    lines = source.splitlines(keepends=True)
    spans = {name: span(source, name) for name in texts}
    for name, (start, end, indent) in sorted(spans.items(), key=lambda item: item[1], reverse=True):
        lines[start:end] = [f'{indent}raise NotImplementedError("{texts[name]}")\n']
    return "".join(lines)


def span(source, name):
    """Where the body of a function lies, its docstring apart: its first line, the line after its last, its indent.

    The lines are counted from 0.  Comments before the body's first statement and after its last one belong to it.
    """
    lines = source.splitlines()
    function = find(source, name)
    statements = statements_of(function)
    if not statements:
        raise ValueError(f"the function {name} has no body that could be taken out")
    first = function.body[0]
    if first.lineno == function.lineno:
        raise ValueError(f"the function {name} is written on one line: its body can't be taken out")
    indent = lines[first.lineno - 1][:first.col_offset]
    start = first.end_lineno if statements is not function.body else header_end(lines, function)
    end = function.end_lineno
    while end < len(lines) and lines[end].startswith(indent + "#"):
        end += 1
    return start, end, indent


def header_end(lines, function):
    """The line after the signature of a function without docstring: comments may stand above its first statement."""
    start = function.body[0].lineno - 1
    while lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return start


def find(source, name):
    """The syntax tree of a function, or of a method "Class.method".   Raises ValueError unless there is one."""
    nodes = [ast.parse(source)]
    for part in name.split("."):
        nodes = [child for node in nodes for child in ast.iter_child_nodes(node)
                 if isinstance(child, (*FUNCTIONS, ast.ClassDef)) and child.name == part]
    if len(nodes) != 1 or not isinstance(nodes[0], FUNCTIONS):
        raise ValueError(f"there must be one function {name}, not {len(nodes)}")
    return nodes[0]


def statements_of(function):
    """The statements of a function, without its docstring."""
    return function.body if ast.get_docstring(function, clean=False) is None else function.body[1:]


def body(source, name):
    """The text of a function's body, without its docstring."""
    start, end, _ = span(source, name)
    return "".join(source.splitlines(keepends=True)[start:end])


# ---------------------------------------------------------------------------------------------------------------------
# The whole engine

def holes(assignment):
    """The files of the engine that an assignment cuts: path -> {name of the function: text of its error}."""
    found = {path: {} for path in assignment.files}
    for task in assignment.tasks:
        for hole in task.holes:
            path, _, name = hole.partition(":")
            found[path][name] = f"{assignment.id}, task {task.number}: {name}"
    return found


def engine():
    """The complete engine: path -> bytes of its Python files, in order."""
    return {path.relative_to(ROOT).as_posix(): path.read_bytes()
            for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


def skeleton(assignment):
    """The engine that students get: what is left out is left out, and the files to hand in have their holes.

    Raises ValueError if the manifest names a file or a function that there is none of.
    """
    files = engine()
    for path in assignment.left_out:
        gone = [name for name in files if name == path or name.startswith(f"{path}/")]
        if not gone:
            raise ValueError(f"{assignment.id}: there is no file {path} to leave out")
        for name in gone:
            del files[name]
    for path, texts in holes(assignment).items():
        if path not in files:
            raise ValueError(f"{assignment.id}: there is no file {path} to cut")
        files[path] = cut(files[path].decode(), texts).encode()
    return files


def tree(assignment):
    """What a worker loads: the skeleton, and what of the assignments students have."""
    return skeleton(assignment) | {name: (ROOT / name).read_bytes() for name in modules(assignment, OF_STUDENTS)} | {
        name: (ROOT / name).read_bytes() for name in ("assignments/__init__.py", "assignments/manifest.py")}


def modules(assignment, names):
    """Those of the named files that there are in the assignment's folder, as paths from the root."""
    paths = [f"assignments/{assignment.id}/{name}" for name in names]
    return [path for path in paths if (ROOT / path).exists()]
