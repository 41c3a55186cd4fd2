"""That a hand-out gives nothing away: every file of it is read, and what must not be in it is looked for.

A removed body leaks if a sequence of LENGTH of its tokens stands anywhere else, in code, in a comment or in a text.
Spaces and line breaks don't count, and neither does a call that reads like the signature of the hole that it calls.  A
hidden case leaks by its name in quotes, or by its message.  What gives an answer away in other words is a matter of
judgement: for that there is `Assignment.left_out`.
"""
import ast
import io
import re
import zipfile
from collections import namedtuple
from .cut import body, engine, find, holes

LENGTH = 12
COMPILED = (".pyc", ".pyo", ".nbi", ".nbc", ".so", ".o", ".pyd", ".dll")
STAFF = ("hidden", "faults", "honest", "solutions", "selftest", "leaks", "release", "gradescope", "batch", "job",
         "report", "results", "session", "submission")
TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|(?:\*\*|//|<<|>>|[-+*/%&|^<>=!@:])=|\*\*|//|\S")
Report = namedtuple("Report", "text leaks")


def report(assignment, files):
    """Judge a hand-out, path -> bytes.   Returns the text of the report, and the list of leaks."""
    solutions, secrets, found = solutions_of(assignment), secrets_of(assignment), []
    known = {sequence: name for name, text in solutions.items() for sequence in windows(tokens(text))}
    for sequence in signatures(assignment):
        known.pop(sequence, None)
    for name, data in members(files):
        text = data.decode("utf-8", "replace")
        found += [f"{name}: {what}" for what in wrong_file(assignment, name)]
        found += [f"{name}: says of a hidden case: {secret}" for secret in secrets if secret in text]
        found += [f"{name}: holds {LENGTH} tokens of the solution of {solution}: {sequence}"
                  for solution, sequence in first_match(tokens(text), known)]
    lines = [f"Hand-out of {assignment.id}: {len(files)} files.",
             f"Looked for {len(solutions)} solutions ({len(known)} sequences of {LENGTH} tokens), {len(secrets)} texts "
             "of hidden cases, and files that are compiled, of the staff, or left out.", ""]
    lines += [f"  {len(tokens(text)):5d} tokens  {name}" for name, text in solutions.items()]
    lines += ["", *(["LEAKS"] + [f"  {line}" for line in found] if found else ["No leak."]), "", "The files:"]
    lines += [f"  {len(data):8d}  {name}" for name, data in sorted(files.items())]
    return Report("\n".join(lines) + "\n", found)


def solutions_of(assignment):
    """The bodies that are taken out, by their holes."""
    complete = engine()
    return {f"{path}:{name}": body(complete[path].decode(), name)
            for path, texts in holes(assignment).items() for name in texts}


def signatures(assignment):
    """The sequences of tokens in the signatures of all holes."""
    complete = engine()
    for path, texts in holes(assignment).items():
        source = complete[path].decode()
        for name in texts:
            function = find(source, name)
            yield from windows(tokens(f"{function.name}({ast.unparse(function.args)})"))


def secrets_of(assignment):
    """What only the declarations of hidden cases say."""
    public, hidden = ({text for case in cases for text in (f'"{case.name}"', case.message)}
                      for cases in (assignment.module("public").PUBLIC, assignment.module("hidden").HIDDEN))
    return sorted(hidden - public)


def members(files):
    """All files, and the members of those that are zips."""
    for name, data in files.items():
        yield name, data
        if zipfile.is_zipfile(io.BytesIO(data)):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                yield from members({f"{name}/{member}": archive.read(member) for member in archive.namelist()})


def wrong_file(assignment, name):
    """Why a file of that name may not be in the hand-out: lines."""
    if name.endswith(COMPILED) or "__pycache__" in name:
        yield "a compiled file"
    if name.startswith("assignments/") and name.rpartition("/")[2].partition(".")[0] in STAFF:
        yield "a file of the staff"
    if any(name == path or name.startswith(f"{path}/") for path in assignment.left_out):
        yield "a file that is to be left out"
    if name.startswith("tests/"):
        yield "a test of the engine"


def tokens(text):
    """The words and signs of a text, comments and all."""
    return TOKEN.findall(text)


def windows(sequence):
    """All sequences of LENGTH tokens in a sequence; a shorter one as a whole."""
    return [tuple(sequence[k:k + LENGTH]) for k in range(max(1, len(sequence) - LENGTH + 1))]


def first_match(sequence, known):
    """[(solution, text)] of the first sequence that is a part of a solution; empty if there is none."""
    return [(known[window], " ".join(window)) for window in windows(sequence) if window in known][:1]
