"""Submissions that do harm, or cheat, or are broken: their files, and the points that they must get.

Each has an honest `square` (4 points), unless its import fails, and does something in `total`.
"""
import io
import zipfile
from grading import RIGHT

SQUARE = '''import os, sys, time, signal, ctypes, gc, threading, subprocess, socket, struct, json
import numpy as np


def square(x):
    return x * x


'''
SHARED = """
def forged(value):
    header = json.dumps({"values": value}).encode()
    return b"minigrad" + struct.pack("<QQ", len(header), 0) + header
"""


def total(body):
    """A submission whose `total` has this body."""
    lines = "".join(f"    {line}\n" for line in body.strip("\n").splitlines())
    return f"{SQUARE}{SHARED}\n\ndef total(x, y):\n{lines}"


HONEST = "return (x * y).sum()"

# name: (source, points)
SOURCES = {
    # ends of every kind
    "exit": (total("os._exit(0)"), 4),
    "sys-exit": (total("sys.exit(0)"), 4),
    "raise-exit": (total("raise SystemExit"), 4),
    "interrupt": (total("raise KeyboardInterrupt"), 4),
    "kill-self": (total("os.kill(os.getpid(), 9)\nreturn 0.0"), 4),
    "stop-self": (total("os.kill(os.getpid(), signal.SIGSTOP)\nreturn 0.0"), 4),
    "abort": (total("os.abort()"), 4),
    "segfault": (total("ctypes.string_at(0)"), 4),
    "kill-all": (total("os.kill(-1, 9)\nreturn 0.0"), 4),
    "kill-parent": (total("os.kill(os.getppid(), 9)\nreturn 0.0"), 4),
    "exit-at-import": (RIGHT + "\nimport os\nos._exit(0)\n", 0),
    "exit-handler": (total("import atexit\natexit.register(os._exit, 0)\nreturn 0.0"), 4),
    "recursion": (total("return total(x, y)"), 4),
    "deep-recursion": (total("sys.setrecursionlimit(10**9)\nreturn total(x, y)"), 4),
    "error-in-error": (total("class E(Exception):\n    def __str__(self): raise E\nraise E"), 4),
    "group": (total("raise BaseExceptionGroup('a', [SystemExit()])"), 4),
    # endless
    "loop": (total("while True: pass"), 4),
    "sleep": (total("time.sleep(1000)"), 4),
    "loop-at-import": (RIGHT + "\nwhile True: pass\n", 0),
    "ignore-signals": (total("for n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
                             "    except Exception: pass\n"
                             "while True:\n    try: time.sleep(100)\n    except BaseException: pass"), 4),
    "print-for-ever": (total("while True: print('x' * 10000)"), 4),
    "threads-that-spin": (total("def f():\n    while True: pass\n"
                                "for _ in range(8): threading.Thread(target=f).start()\ntime.sleep(100)"), 4),
    "unending-result": (total("t = ()\nwhile True: t = (t, t)"), 4),
    # memory, disk, processes
    "memory": (total("return np.ones(10**10)"), 4),
    "memory-by-and-by": (total("kept = []\nwhile True: kept.append(np.ones(10**6))"), 4),
    "disk": (total("n = 0\nwhile True:\n    with open(os.path.join(os.environ['HOME'], str(n)), 'wb') as f:\n"
                   "        f.write(bytes(1 << 24))\n    n += 1"), 4),
    "many-files": (total("n = 0\nwhile True:\n    open(os.path.join(os.environ['HOME'], str(n)), 'wb').close()\n"
                         "    n += 1"), 4),
    "deep-folders": (total("os.chdir(os.environ['HOME'])\nwhile True:\n    os.mkdir('d' * 200)\n"
                           "    os.chdir('d' * 200)"), 4),
    "closed-folders": (total("os.mkdir(os.environ['HOME'] + '/d')\nopen(os.environ['HOME'] + '/d/e', 'w').close()\n"
                             "os.chmod(os.environ['HOME'] + '/d', 0)\nos.chmod(os.environ['HOME'], 0)\nreturn 0.0"), 4),
    "memory-of-nobody": (total("f = os.memfd_create('a')\nreturn (x * y).sum()"), 4),
    "link-out": (total("os.symlink('/', os.environ['HOME'] + '/root')\nreturn 0.0"), 4),
    "fork-bomb": (total("while True: os.fork()"), 4),
    "thread-bomb": (total("while True: threading.Thread(target=time.sleep, args=(1000,)).start()"), 4),
    "daemon": (total("if os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)\nreturn 0.0"), 4),
    "other-program": (total("subprocess.run(['/bin/sh', '-c', 'sleep 1000 &'])\nreturn 0.0"), 4),
    "descriptors": (total("kept = [open('/dev/null') for _ in range(100000)]"), 4),
    "huge-result": (total("return np.zeros(20 * 10**6)"), 4),
    "huge-text": (total("return 'x' * 10**8"), 4),
    # forged replies
    "forged": (total("for fd in range(3, 64):\n    try: os.write(fd, forged(True))\n    except OSError: pass\n"
                     "os._exit(0)"), 4),
    "forged-endless": (total("b = b'minigrad' + b'\\xff' * 16\nwhile True:\n    for fd in range(3, 64):\n"
                             "        try: os.write(fd, b)\n        except OSError: pass"), 4),
    "forged-score": (total("return {'score': 10, 'passed': True}"), 4),
    "garbage": (total("for fd in range(3, 64):\n    try: os.write(fd, b'garbage' * 100)\n    except OSError: pass\n"
                      "return 0.0"), 4),
    "close-all": (total("os.closerange(0, 256)\nreturn 0.0"), 4),
    "header-bomb": (total("h = b'[' * 100000\nfor fd in range(3, 64):\n    try: os.write(fd, b'minigrad' + "
                          "struct.pack('<QQ', len(h), 0) + h)\n    except OSError: pass\nos._exit(0)"), 4),
    "shape-bomb": (total("h = json.dumps({'values': {'dtype': 'bool', 'shape': [10**9, 10**9, 0]}}).encode()\n"
                         "for fd in range(3, 64):\n    try: os.write(fd, b'minigrad' + "
                         "struct.pack('<QQ', len(h), 0) + h)\n    except OSError: pass\nos._exit(0)"), 4),
    "object-array": (total("return np.array([object()])"), 4),
    "pickle": (total("class P:\n    def __reduce__(self): return (os.system, ('true',))\nreturn P()"), 4),
    "control-characters": (total("raise ValueError('\\x1b[2J\\x00\\ud800<script>alert(1)</script>' * 1000)"), 4),
    # pretending
    "equal-to-all": (total("class Equal(float):\n    def __eq__(self, other): return True\n"
                           "    def __sub__(self, other): return 0.0\nreturn Equal(7)"), 4),
    "array-subclass": (total("class A(np.ndarray):\n    def __eq__(self, other): return True\n"
                             "return np.zeros(()).view(A)"), 4),
    "patched-numpy": (total("np.allclose = np.array_equal = lambda *a, **k: True\nnp.ndarray.__eq__ = None\n"
                            "return 0.0"), 4),
    "patched-time": (total("time.monotonic = time.perf_counter = time.process_time = lambda: 0.0\n"
                           "while True: pass"), 4),
    "patched-json": (total("json.dumps = lambda *a, **k: '{\"values\": true}'\nreturn 0.0"), 4),
    "frames": (total("frame = sys._getframe()\nwhile frame:\n    for name, value in list(frame.f_locals.items()):\n"
                     "        if 'expected' in name or 'score' in name: return value\n    frame = frame.f_back\n"
                     "return 0.0"), 4),
    "garbage-collector": (total("for thing in gc.get_objects():\n"
                                "    if type(thing).__name__ in ('Outcome', 'Grader', 'Results'):\n"
                                "        thing.score = 10\nreturn 0.0"), 4),
    "nan": (total("return float('nan')"), 4),
    "infinity": (total("return float('inf')"), 4),
    "wrong-shape": (total("return np.full((1,), (x * y).sum())"), 5),
    "text": (total("return 'the sum'"), 4),
    "nothing": (total("return None"), 4),
    "broadcast": (total("return np.broadcast_to((x * y).sum(), (1000, 1000, 1000, 100))"), 4),
    "cached-by-shape": (total("if x.shape not in globals().setdefault('kept', {}): kept[x.shape] = (x * y).sum()\n"
                              "return kept[x.shape]"), 8),
    "mutates-inputs": (total("s = (x * y).sum()\nx[:] = 0\ny[:] = 0\nreturn s * 0"), 4),
    # reading what is not its own
    "answer-by-import": (total("from layers.answer import total as t\nreturn t(x, y)"), 4),
    "cases-by-import": (total("from assignments.toy import hidden\nreturn 0.0"), 4),
    "grader-by-import": (total("import assignments.grading.grader\nreturn (x * y).sum()"), 4),
    "process-list": (total("""
found = [int(p) for p in os.listdir('/proc') if p.isdigit()]
return (x * y).sum() if set(found) - {os.getpid()} else 0.0"""), 4),
    "network": (total("socket.create_connection(('127.0.0.1', 22), 1)\nreturn (x * y).sum()"), 4),
    "any-socket": (total("socket.socketpair()\nreturn (x * y).sum()"), 4),
    "trace": (total("libc = ctypes.CDLL(None)\nif libc.ptrace(16, 1, 0, 0) == 0: return (x * y).sum()\nreturn 0.0"), 4),
    "namespaces": (total("libc = ctypes.CDLL(None)\nif libc.unshare(0x10000000) == 0: return (x * y).sum()\n"
                         "return 0.0"), 4),
    "root-again": (total("libc = ctypes.CDLL(None)\nif libc.setuid(0) == 0: return (x * y).sum()\nreturn 0.0"), 4),
    "wait-for-secrets": (total("open(os.path.join(os.environ['HOME'], 'x.nbi'), 'wb').write(b'cos\\nsystem\\n.')\n"
                               "return 0.0"), 4),
    # source that is broken
    "syntax": ("def square(x:\n", 0),
    "no-text": (b"\xff\xfe\x00\x01", 0),
    "zeros": (b"\x00" * 100, 0),
    "nothing-in-it": ("", 0),
    "half": (SQUARE, 4),
    "nested-too-deep": ("x = " + "(" * 5000 + ")" * 5000 + "\n" + RIGHT, 0),
    "too-large": (RIGHT + "#" * (1 << 20), 0),
    # honest, if odd
    "noise": (RIGHT.replace("return (x", "print('hello', flush=True)\n    import warnings, sys\n"
                            "    warnings.warn('w')\n    print('err', file=sys.stderr)\n    return (x"), 11),
    "float32-sum": (RIGHT.replace("return (x * y).sum()", "return float(sum(a * b for a, b in zip(x, y)))"), 11),
}


def archive(entries, **kinds):
    """A zip of (name, content) pairs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries:
            entry = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, content)
    return buffer.getvalue()


def link(name, target):
    """A zip's entry for a symbolic link."""
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, 0o120777 << 16
    return entry, target


LIE = "raise SystemExit('shadowed')\n"
ARCHIVES = {
    "plain.zip": (archive([("layers/toy.py", RIGHT)]), 11),
    "nested-folders.zip": (archive([("a/b/c/layers/toy.py", RIGHT)]), 11),
    "flat.zip": (archive([("toy.py", RIGHT)]), 11),
    "shadow-modules.zip": (archive([("layers/toy.py", RIGHT)] + [(name, LIE) for name in (
        "numpy.py", "json.py", "sitecustomize.py", "usercustomize.py", "layers/__init__.py",
        "assignments/toy/probes.py", "assignments/manifest.py", "numpy/__init__.py", "conftest.py",
        "protocol.py")]), 11),
    "own-cases.zip": (archive([("layers/toy.py", "x"), ("assignments/toy/public.py", "PUBLIC = []")]), 0),
    "climbs-out.zip": (archive([("../../layers/toy.py", RIGHT), ("/layers/toy.py", RIGHT)]), 0),
    "link.zip": (archive([link("layers/toy.py", "/etc/passwd")]), 0),
    "twice.zip": (archive([("a/layers/toy.py", RIGHT), ("b/layers/toy.py", RIGHT)]), 0),
    "bomb.zip": (archive([("layers/toy.py", b" " * (64 << 20))]), 0),
    "empty.zip": (archive([]), 0),
    "in-a-zip.zip": (archive([("work.zip", archive([("layers/toy.py", RIGHT)]))]), 0),
    "cut-off.zip": (archive([("layers/toy.py", RIGHT)])[:60], 0),
    "odd-names.zip": (archive([("layers/toy.py", RIGHT), ("caf\u00e9\udcff.py".encode("utf-8", "replace").decode(), ""),
                               ("a\nb\x1b[2J.py", "")]), 11),
    "many-entries.zip": (archive([(f"{n}.txt", "") for n in range(20_000)] + [("layers/toy.py", RIGHT)]), 0),
    "compiled-only.zip": (archive([("layers/__pycache__/toy.cpython-311.pyc", b"x"), ("layers/toy.pyc", b"x")]), 0),
}
