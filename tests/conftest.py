"""CUDA in tests: Numba's simulator, unless MINIGRAD_TEST_DEVICE=1 in the environment says that there is a real device."""
import os

if os.environ.get("MINIGRAD_TEST_DEVICE", "0") in ("0", ""):
    os.environ["NUMBA_ENABLE_CUDASIM"] = "1"               # before Numba is loaded; only its CUDA part looks at it
