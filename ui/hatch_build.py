"""The build hook of the package: a wheel and an sdist carry the built web interface, whoever builds them.

Where the bundle is there already (in an sdist, or after `make ui`) nothing is built and no Node is asked for. An
editable install builds nothing either: the server says then what to do.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

EDITABLE = "editable"


def _node() -> Any:
    # The folder is no package, and hatchling loads this file by its path.
    spec = importlib.util.spec_from_file_location("penstock_ui_node", Path(__file__).with_name("node.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class InterfaceHook(BuildHookInterface):  # type: ignore[type-arg]
    """Builds `src/penstock/server/ui` where it is missing."""

    def dependencies(self) -> list[str]:
        """Node as a package, on a machine that has none and needs one."""
        node = _node()
        return [] if self._built(node) or node.has_node() else [node.PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before files are collected. Raises `SystemExit` when the interface cannot be built."""
        node = _node()
        if version == EDITABLE or self._built(node):
            return
        self.app.display_info("Building the web interface …")
        node.build()

    def _built(self, node: Any) -> bool:
        built: bool = (node.BUNDLE / "index.html").is_file()
        return built
