"""What a worker may not ask of Linux: a filter on system calls (seccomp), and no files beside its own (Landlock).

Neither needs to be root, and neither can be undone.   Both do nothing where the system does not have them.
"""
import ctypes
import errno
import os
import platform
import struct

libc = ctypes.CDLL(None, use_errno=True)
MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}         # AUDIT_ARCH, and the column below
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
CLONE_THREAD = 0x10000

DENIED = {                                 # name: its number on x86_64, on aarch64; None where there is no such call
    # network, other processes, new programs
    "socket": (41, 198), "socketpair": (53, 199), "fork": (57, None), "vfork": (58, None), "execve": (59, 221),
    "execveat": (322, 281), "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "kcmp": (312, 272), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "setpriority": (141, 140), "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118), "sched_setattr": (314, 274), "ioprio_set": (251, 30),
    # mounts and namespaces
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
    "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "mount_setattr": (442, 442), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # memory that belongs to no process, what outlives a process, and corners of the kernel
    "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180), "add_key": (248, 217),
    "request_key": (249, 218), "keyctl": (250, 219), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "personality": (135, 92), "kexec_load": (246, 104), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224),
}
OWN_PROCESS_ONLY = {"kill": (62, 129), "tgkill": (234, 131)}               # the first argument must be the own pid
ZERO_ONLY = {"prlimit64": (302, 261)}                                      # ... must be 0: the own process, too
CLONE, CLONE3 = (56, 220), (435, 435)

ALLOW, KILL = 0x7FFF0000, 0x80000000
LOAD, JUMP_EQUAL, JUMP_FROM, JUMP_BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16                            # offsets in struct seccomp_data


def refuse(code):
    """The filter's answer: the call fails with this error."""
    return 0x00050000 | code


def program(arch, column):
    """The filter: instructions (code, jump if true, jump if false, constant)."""
    deny, allow = (RETURN, 0, 0, refuse(errno.EPERM)), (RETURN, 0, 0, ALLOW)
    lines = [(LOAD, 0, 0, ARCHITECTURE), (JUMP_EQUAL, 1, 0, arch), (RETURN, 0, 0, KILL), (LOAD, 0, 0, NUMBER)]
    if column == 0:                        # the x32 calls have numbers of their own
        lines += [(JUMP_FROM, 0, 1, 0x40000000), deny]
    for numbers in DENIED.values():
        if numbers[column] is not None:
            lines += [(JUMP_EQUAL, 0, 1, numbers[column]), deny]
    for table, value in ((OWN_PROCESS_ONLY, os.getpid()), (ZERO_ONLY, 0)):
        for numbers in table.values():
            lines += [(JUMP_EQUAL, 0, 4, numbers[column]), (LOAD, 0, 0, FIRST_ARGUMENT), (JUMP_EQUAL, 0, 1, value),
                      allow, deny]
    lines += [(JUMP_EQUAL, 0, 1, CLONE3[column]), (RETURN, 0, 0, refuse(errno.ENOSYS)),      # libc then calls clone
              (JUMP_EQUAL, 0, 4, CLONE[column]), (LOAD, 0, 0, FIRST_ARGUMENT), (JUMP_BITS, 0, 1, CLONE_THREAD),
              allow, deny]
    return [*lines, allow]


def filter_calls():
    """Refuse the calls above from now on.   Returns whether that could be done."""
    if platform.machine() not in MACHINES:
        return False
    code = b"".join(struct.pack("<HBBI", *line) for line in program(*MACHINES[platform.machine()]))
    buffer = ctypes.create_string_buffer(code, len(code))
    filter = struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    return libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 and libc.prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.create_string_buffer(filter, len(filter)), 0, 0) == 0


# Landlock: its three calls have the same numbers everywhere.

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
EXECUTE, WRITE, READ, READ_FOLDER, TRUNCATE, DEVICE_CONTROL = 1, 2, 4, 8, 1 << 14, 1 << 15
OF_FILES = EXECUTE | WRITE | READ | TRUNCATE | DEVICE_CONTROL
KNOWN = (0, 13, 14, 15, 15, 16)            # how many rights the versions 0, 1, 2 ... know


def can_restrict_files():
    """The version of Landlock here, 0 if there is none."""
    return max(0, libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(1)))


def restrict_files(readable, writable):
    """Only these files and folders, with all in them, can be opened from now on.

    Returns whether that could be done.
    """
    version = can_restrict_files()
    if version < 1:
        return False
    rights = (1 << KNOWN[min(version, len(KNOWN) - 1)]) - 1
    network, scope = (3 if version >= 4 else 0), (3 if version >= 6 else 0)
    attributes = struct.pack("<QQQ", rights, network, scope)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = libc.syscall(CREATE_RULESET, attributes, ctypes.c_size_t(size), ctypes.c_uint(0))
    if ruleset < 0:
        return False
    for paths, allowed in ((readable, EXECUTE | READ | READ_FOLDER), (writable, rights & ~DEVICE_CONTROL)):
        for path in paths:
            allow(ruleset, path, allowed & rights)
    done = libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 and libc.syscall(RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return done


def allow(ruleset, path, rights):
    """Add one path to a ruleset, if it exists."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not os.path.isdir(path):
        rights &= OF_FILES
    libc.syscall(ADD_RULE, ruleset, 1, struct.pack("<Qi", rights, descriptor), 0)
    os.close(descriptor)
