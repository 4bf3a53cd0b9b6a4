"""`sglang serve ...`, as the engine simulator understands it."""

import asyncio
import logging
import os
import sys
from collections.abc import Sequence

from pd_e2e.engine.context import EngineContext
from pd_e2e.engine.flags import parse_server_arguments
from pd_e2e.engine.info import VERSION
from pd_e2e.engine.metrics import EngineMetrics
from pd_e2e.engine.server import EngineServer
from pd_e2e.engine.settings import Settings, SettingsError
from pd_e2e.engine.timings import load_profile
from pd_operator.performance import ProfileError
from pd_operator.performance.timing import Timings

_USAGE = "usage: sglang {serve,version} ...\n"


def main(argv: Sequence[str]) -> int:
    """Run a sub-command of `sglang`; returns the exit code."""
    match argv:
        case ["serve", *rest]:
            return _serve(rest)
        case ["version"]:
            sys.stdout.write(f"sglang version: {VERSION} (engine simulator of pd-operator)\n")
            return 0
        case ["-h" | "--help"]:
            sys.stdout.write(_USAGE)
            return 0
    sys.stderr.write(_USAGE)
    return 2


def _serve(argv: Sequence[str]) -> int:
    arguments = parse_server_arguments(argv)
    level = getattr(logging, str(arguments.everything["log_level"]).upper(), logging.INFO)
    logging.basicConfig(level=level, format="[%(asctime)s] %(message)s", stream=sys.stderr)
    try:
        settings = Settings.from_environment(os.environ)
        profile = load_profile(settings.profile)
        surfaces = profile.surfaces(arguments.tensor_parallel_size)
    except (SettingsError, ProfileError, OSError) as error:
        sys.stderr.write(f"sglang serve: error: {error}\n")
        return 2
    context = EngineContext(
        arguments=arguments,
        settings=settings,
        timings=Timings(surfaces, settings.time_scale),
        metrics=EngineMetrics(arguments),
        accelerator=f"NVIDIA {profile.system.split('_')[0].upper()}",
    )
    try:
        asyncio.run(_run(context))
    except OSError as error:
        sys.stderr.write(f"sglang serve: error: {error}\n")
        return 1
    return 0


async def _run(context: EngineContext) -> None:
    await EngineServer(context).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
