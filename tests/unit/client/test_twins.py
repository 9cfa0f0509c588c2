"""The two clients are one: the blocking one is made from the asyncio one, and the public door opens on both."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import penstock
from penstock import AsyncPenstock, Penstock

ROOT = Path(__file__).resolve().parents[3]


def test_the_blocking_client_is_up_to_date():
    check = [sys.executable, str(ROOT / "scripts" / "unasync.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_both_have_the_same_resources_and_methods():
    with Penstock("http://unused") as blocking:
        asyncio_form = AsyncPenstock("http://unused")
        assert _surface(blocking) == _surface(asyncio_form)


def test_every_public_name_is_there_and_is_what_it_says():
    for name in penstock.__all__:
        assert getattr(penstock, name).__name__ == name
    assert set(penstock.__all__) <= set(dir(penstock))
    assert list(penstock.__all__) == sorted(penstock.__all__)


def test_importing_the_package_imports_nothing_heavy():
    heavy = "{'httpx2', 'msgspec', 'rich', 'yaml', 'pydantic', 'asyncio', 'penstock.client'}"
    code = f"import sys, penstock; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def _surface(client: object) -> dict[str, list[str]]:
    resources = {name: value for name, value in vars(client).items() if not name.startswith("_")}
    return {
        name: [
            f"{method}{[*inspect.signature(member).parameters]}"
            for method, member in inspect.getmembers(resource, callable)
            if not method.startswith("_")
        ]
        for name, resource in resources.items()
    }
