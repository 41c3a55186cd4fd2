"""The process that runs a student's code: `python -I -S worker.py FOLDERS`, or, on Linux, a fork of the nursery.

Each case has one of its own.   FOLDERS are those of the installed packages.

It takes messages from its standard input and answers on its standard output; what the student's code prints goes to
the standard error.  The first message says which tree to load, and what the process may not do from then on.  Each
further one is a call of a probe.  The answers are values, or an error's type, text and line: never a verdict.
"""
import importlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [HERE, *sys.argv[1:]]
import numba
import keeper
import protocol
import sandbox
sys.path.remove(HERE)

MESSAGE_LIMIT = 2000       # characters of an error's text


def main(status=None):
    """Give up what the student's code is not to have, load a tree, then answer until there are no more requests.

    status      a file for the exit code, which the keeper writes
    """
    requests, replies = take_channel()
    settings, _ = protocol.read(requests)
    try:
        keeper.separate(settings, (requests, replies), status)
        done = {"isolation": sandbox.renounce(settings)}
        for module in (os, protocol.np, numba):            # can this user read Python's files?
            open(module.__file__).close()
    except OSError as error:
        done = {"failed": str(error)}
    protocol.write(replies, done)
    if "failed" in done:
        return
    os.environ.clear()
    os.environ.update(settings["environment"])
    numba.core.config.reload_config()
    sys.path[:0] = [settings["tree"]]
    sys.dont_write_bytecode = True
    loaded = attempt(settings, lambda: importlib.import_module(f"assignments.{settings['id']}.probes"))
    probes = loaded.pop("result", None)
    protocol.write(replies, loaded)
    while message := protocol.read(requests):
        header, arguments = message
        reply = answer(settings, probes, header, arguments, requests, replies)
        values = reply.pop("result", None)
        try:
            protocol.write(replies, reply, values)
        except (protocol.BadMessage, ValueError, RecursionError, MemoryError) as error:
            protocol.write(replies, {"error": {"type": "what it returned", "text": str(error), "where": None}})


def answer(settings, probes, header, arguments, requests, replies):
    """Call a probe.   If the request wants steps, the grader looks at clock and memory before and after the call."""
    def call():
        for _ in range(header.get("repeat", 1)):
            result = getattr(probes, header["probe"])(*arguments)
        return result

    if not header.get("steps"):
        return attempt(settings, call)
    protocol.write(replies, {})
    protocol.read(requests)
    reply = attempt(settings, call)
    protocol.write(replies, {})
    protocol.read(requests)
    return reply


def take_channel():
    """Keep the two pipes to the grader for messages, and lead what is printed to the standard error."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)
    return requests, replies


def attempt(settings, action):
    """{"result": what the action returns}, or {"error": the type, the text and the place of what it raised}."""
    try:
        return {"result": action()}
    except BaseException as error:
        return {"error": {"type": type(error).__name__, "text": text_of(error), "where": where(error, settings)}}


def text_of(error):
    """What an error says."""
    try:
        text = str(error)
    except BaseException:
        text = ""
    return text[:MESSAGE_LIMIT]


def where(error, settings):
    """"file:line" of the innermost line of a handed-in file that led to an error, else of the tree, else None."""
    if isinstance(error, SyntaxError) and error.filename:
        lines = [(error.filename, error.lineno)]
    else:
        lines, step = [], error.__traceback__
        while step:
            lines.append((step.tb_frame.f_code.co_filename, step.tb_lineno))
            step = step.tb_next
    inside = [(os.path.relpath(name, settings["tree"]).replace(os.sep, "/"), line) for name, line in lines
              if name.startswith(settings["tree"] + os.sep)]
    own = [(name, line) for name, line in inside if name in settings["files"]]
    if not inside:
        return None
    name, line = (own or inside)[-1]
    return f"{name}:{line}"


if __name__ == "__main__":
    main()
