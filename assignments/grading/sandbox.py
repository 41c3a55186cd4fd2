"""What the process of a student's code gives up before it loads that code.

Three ways of isolation, the best first:
    namespaces  a world of its own: no other process, no network, and no file but Python's, the tree and its own folder;
                for root with a user id of its own, too
    user        a user id of its own, for root where there are no namespaces, as in most containers
    process     neither: limits only
In all three, limits on time, memory, files and threads; and on Linux no socket, no new process, no other program.
"""
import ctypes
import os
import sys

LINUX = sys.platform == "linux"
if LINUX:
    import syscalls
    from syscalls import libc

NEW_MOUNTS, NEW_UTS, NEW_IPC, NEW_USER, NEW_PIDS, NEW_NETWORK = (
    0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
READ_ONLY, NO_SUID, NO_DEVICES, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
DETACH = 2
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")


def divide(settings):
    """Go into new namespaces: the next process that is forked is the first of them.   Raises OSError."""
    user, group = os.getuid(), os.getgid()
    call("unshare", NEW_MOUNTS | NEW_UTS | NEW_IPC | NEW_PIDS | NEW_NETWORK | (0 if user == 0 else NEW_USER))
    if user != 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)


def move(settings):
    """Leave all files behind but those of the settings, in new namespaces.   Raises OSError."""
    root = settings["root"]
    mount(None, "/", None, RECURSIVE | PRIVATE)
    mount("tmpfs", root, "tmpfs", NO_SUID | NO_DEVICES, "size=1m,mode=755")
    bind(settings["tree"], root + settings["tree"], False)                     # first: a .venv may lie in it
    for path in (*settings["readable"], *DEVICES):
        bind(path, root + path, path in DEVICES)
    bind(settings["cache"], root + settings["cache"], True)
    os.makedirs(root + "/proc", exist_ok=True)
    try:
        mount("proc", root + "/proc", "proc", NO_SUID | NO_DEVICES)
    except PermissionError:                # in a container's own namespaces: it does without
        pass
    os.chdir(root)
    call("syscall", {"x86_64": 155, "aarch64": 41}[os.uname().machine], b".", b".")      # pivot_root
    call("umount2", b".", DETACH)
    mount(None, "/", None, REMOUNT | BIND | READ_ONLY | NO_SUID | NO_DEVICES)
    os.chdir(settings["cache"])


def bind(source, target, writable):
    """Show a file or folder, or a link as a link, at another place."""
    if os.path.lexists(target):
        return
    if os.path.islink(source):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.symlink(os.readlink(source), target)
        return
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif os.path.exists(source):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    else:
        return
    mount(source, target, None, BIND | RECURSIVE)
    kept = os.statvfs(target).f_flag & 0xF             # these flags can't be taken off in a user namespace
    mount(None, target, None, REMOUNT | BIND | kept | NO_SUID | (0 if writable else READ_ONLY))


def mount(source, target, kind, flags, options=None):
    """mount(2).   Raises OSError."""
    call("mount", *(text and os.fsencode(text) for text in (source, target, kind)), ctypes.c_ulong(flags),
         options and options.encode())


def call(name, *arguments):
    """A function of libc that returns a negative number if it fails.   Raises OSError."""
    if getattr(libc, name)(*arguments) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def renounce(settings):
    """Set the limits, and give up all privileges, for good.   Returns what was done, in words."""
    if settings["isolation"] == "trusted":
        return "none"
    done = [f"isolation by {settings['isolation']}"]
    os.umask(0o077)
    if os.name == "posix":
        limit(settings)
    if settings["user"] is not None:
        os.setgroups([])
        os.setresgid(*[settings["user"]] * 3)
        os.setresuid(*[settings["user"]] * 3)
        done.append("own user")
    if LINUX:
        drop_capabilities()
        if settings["isolation"] != "namespaces" and syscalls.restrict_files(
                [*settings["readable"], *DEVICES, settings["tree"]], [settings["cache"], "/dev/null"]):
            done.append("files restricted (Landlock)")
        if syscalls.filter_calls():
            done.append("system calls filtered (seccomp)")
    return ", ".join(done)


def limit(settings):
    """What setrlimit can limit."""
    import resource
    for name, value in settings["limits"].items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is not None:
            hard = resource.getrlimit(kind)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            try:
                resource.setrlimit(kind, (value, value))
            except (OSError, ValueError):              # macOS has some limits by name only
                pass


def drop_capabilities():
    """Give up what root may do, which the first process of a user namespace may as well."""
    header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    libc.capset(header, data)
