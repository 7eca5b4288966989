"""Run as a process: the server with a task that takes its time. Arguments: data folder, seconds a study takes."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from apps.serving import AnyShelf
from doubles import BrightnessTask
from spondyl.apps import wiring
from spondyl.apps.api.app import create_app
from spondyl.apps.api.server import listen, run
from spondyl.apps.settings import Settings
from spondyl.store import Store, load_or_create_key


class SlowTask(BrightnessTask):
    """Waits before it answers, and leaves a line in the data folder each time it is asked."""

    def __init__(self, folder: Path, delay_s: float) -> None:
        self._folder, self._delay_s = folder, delay_s

    def run(self, *arguments: Any) -> Any:
        with (self._folder / "runs").open("a") as file:
            file.write("run\n")
        arguments[-1]("wait")
        time.sleep(self._delay_s)
        return super().run(*arguments)


def main() -> None:
    folder, delay_s = Path(sys.argv[1]), float(sys.argv[2])
    settings = Settings(data=folder, port=0, readers=1)
    with wiring.reader(settings, load_or_create_key(folder)) as reader, Store(settings.database_url, folder) as store:
        app = create_app(settings, tasks={"brightness": SlowTask(folder, delay_s)}, shelf=AnyShelf(), reader=reader, store=store)
        run(app, listen(settings.host, 0), lambda address: print(address, flush=True))


if __name__ == "__main__":
    main()
