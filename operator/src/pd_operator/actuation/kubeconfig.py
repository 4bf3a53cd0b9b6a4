"""Where the API server is and who asks: from a kubeconfig, or as a pod."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from kubernetes import client, config

HOME_CONFIG = Path("~/.kube/config")
POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class KubeconfigError(Exception):
    """No way to an API server; the message is one line that says what is wrong with it."""


@dataclass(frozen=True)
class Connection:
    """The client's settings, and the namespace that is meant where none is named."""

    settings: client.Configuration
    namespace: str

    def client(self, connections: int = 10) -> client.ApiClient:
        """A client of the API server that leaves it to its caller when to try again.

        It keeps so many connections. By default those are five for each core, and a request beyond
        them makes one of its own, with a handshake.
        """
        self.settings.retries = False
        self.settings.connection_pool_maxsize = connections
        return client.ApiClient(self.settings)


def read_connection(context: str | None = None) -> Connection:
    """From `KUBECONFIG` or the home folder (or a `context` of it), else as the pod.

    Raises `KubeconfigError`.
    """
    paths = _kubeconfig_paths()
    if paths:
        return _from_files(paths, context)
    if context is not None:
        raise KubeconfigError(f"there is no kubeconfig to have a context {context!r}")
    return _from_pod()


def _kubeconfig_paths() -> list[Path]:
    """The files to read, as kubectl takes them: those of `KUBECONFIG` that exist, else home's."""
    named = [Path(one) for one in os.environ.get("KUBECONFIG", "").split(os.pathsep) if one]
    found = [path for path in named or [HOME_CONFIG.expanduser()] if path.exists()]
    if named and not found:
        raise KubeconfigError(f"KUBECONFIG names no file that exists: {_listed(named)}")
    return found


def _from_files(paths: list[Path], context: str | None) -> Connection:
    settings, place = client.Configuration(), os.pathsep.join(map(str, paths))
    try:
        with _logged_as_errors():
            config.load_kube_config(place, context, settings, persist_config=False)
            contexts, active = config.list_kube_config_contexts(place)
    except KubeconfigError:
        raise
    except yaml.YAMLError as error:
        raise KubeconfigError(f"kubeconfig {_listed(paths)} is no YAML: {_line(error)}") from error
    except OSError as error:
        raise KubeconfigError(
            f"kubeconfig {_listed(paths)} cannot be read: {error.strerror or _line(error)}"
        ) from error
    except (config.ConfigException, ValueError) as error:
        raise KubeconfigError(f"kubeconfig {_listed(paths)}: {_line(error)}") from error
    except (AttributeError, KeyError, TypeError) as error:
        # What the client makes of YAML that is something else, or lacks a part.
        raise KubeconfigError(f"kubeconfig {_listed(paths)} is no kubeconfig") from error
    chosen = next((one for one in contexts if one["name"] == context), active)
    return Connection(settings, str(chosen["context"].get("namespace") or "default"))


def _from_pod() -> Connection:
    settings = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=settings)
    except config.ConfigException as error:
        raise KubeconfigError(
            "there is no kubeconfig: KUBECONFIG is not set, and there is no ~/.kube/config"
        ) from error
    return Connection(settings, POD_NAMESPACE.read_text(encoding="utf-8").strip())


@contextmanager
def _logged_as_errors() -> Iterator[None]:
    """Raise what the client only logs, such as a credential plugin that is not installed."""
    logged: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: logged.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
    if logged:
        raise KubeconfigError(f"the kubeconfig's credentials cannot be had: {_line(logged[0])}")


def _listed(paths: list[Path]) -> str:
    return ", ".join(map(str, paths))


def _line(error: object) -> str:
    return " ".join(str(error).split())
