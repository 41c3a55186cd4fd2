"""A driver's library without a device behind it, which the tests of driver, pool, launches and report load."""


class Library:
    """The functions of the driver, as ctypes would call them.  All succeed, but for those that are told to fail.

    version     of CUDA, such as 13000
    count       of devices
    capability  of each
    room        bytes of memory
    wrong       function -> error numbers that its next calls return; a lone number is for all calls
    calls       the names of the functions called so far
    launched    for each launch: blocks, threads, and the addresses of the arguments
    """
    NAMES = {2: b"CUDA_ERROR_OUT_OF_MEMORY", 100: b"CUDA_ERROR_NO_DEVICE", 700: b"CUDA_ERROR_ILLEGAL_ADDRESS"}

    def __init__(self, version=13000, count=1, capability=(9, 0), room=1 << 30, **wrong):
        self.version, self.count, self.capability, self.room, self.wrong = version, count, capability, room, wrong
        self.blocks, self.calls, self.launched, self.programs, self.next = {}, [], [], [], 1 << 20

    def __getattr__(self, name):
        def function(*arguments):
            self.calls.append(name)
            codes = self.wrong.get(name, 0)
            code = codes if isinstance(codes, int) else codes.pop(0) if codes else 0
            return code or getattr(type(self), "do_" + name, lambda *_: 0)(self, *arguments) or 0
        if not name.startswith("cu"):
            raise AttributeError(name)
        return function

    def do_cuDriverGetVersion(self, out):
        out._obj.value = self.version

    def do_cuDeviceGetCount(self, out):
        out._obj.value = self.count

    def do_cuDeviceGet(self, out, index):
        out._obj.value = 40 + index

    def do_cuDeviceGetName(self, name, size, device):
        name.value = f"Toy {device}".encode()

    def do_cuDeviceTotalMem_v2(self, out, device):
        out._obj.value = self.room

    def do_cuDeviceGetAttribute(self, out, which, device):
        out._obj.value = {75: self.capability[0], 76: self.capability[1], 16: 132}[which]

    def do_cuGetErrorName(self, code, out):
        out._obj.value = self.NAMES.get(code)

    def do_cuGetErrorString(self, code, out):
        out._obj.value = b"words" if code in self.NAMES else None

    def do_cuMemGetInfo_v2(self, free, total):
        free._obj.value, total._obj.value = self.room - sum(self.blocks.values()), self.room

    def do_cuMemAlloc_v2(self, out, size):
        if sum(self.blocks.values()) + size.value > self.room:
            return 2
        out._obj.value = self.next
        self.blocks[self.next] = size.value
        self.next += size.value + 4096

    def do_cuMemFree_v2(self, address):
        if self.blocks.pop(address.value, None) is None:
            return 1                       # freed twice, or never handed out

    def do_cuModuleLoadData(self, out, ptx):
        self.programs.append(ptx)

    def do_cuLaunchKernel(self, function, bx, by, bz, tx, ty, tz, shared, queue, pointers, extra):
        self.launched.append(((bx, by, bz), (tx, ty, tz), list(pointers)))
