"""Runs a notebook and writes it with its outputs: NOTEBOOK RESULT HOME. A process of its own, as jupyter leaves sockets to the exit.

The kernel is this interpreter, whatever kernels the machine has; what jupyter and matplotlib keep goes into HOME.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main(notebook: Path, result: Path, home: Path) -> None:
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        os.environ[name] = str(home / name.lower())
    os.environ["OMP_NUM_THREADS"] = "1"
    import nbformat
    from ipykernel.kernelspec import write_kernel_spec
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpecManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    write_kernel_spec(str(result.parent / "kernels" / "own"), overrides={"argv": argv})
    known = KernelSpecManager(kernel_dirs=[str(result.parent / "kernels")], ensure_native_kernel=False)
    book = nbformat.read(notebook, as_version=4)
    manager = AsyncKernelManager(kernel_name="own", kernel_spec_manager=known)
    client = NotebookClient(book, km=manager, kernel_name="own", timeout=600, resources={"metadata": {"path": str(result.parent)}})
    try:
        client.execute()
    except CellExecutionError as error:
        sys.exit(str(error))
    nbformat.write(book, result)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
