"""Every service starts with nothing beside it but the contracts and the chassis."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LOOK = """
import sys, pathlib
import services.{name}.app as app
house = pathlib.Path(sys.argv[1]).resolve()
ours = [m for n, m in sys.modules.items() if n.split(".")[0] in ("contracts", "services", "deploy")]
files = [pathlib.Path(m.__file__).resolve() for m in ours if m.__file__]
strangers = [str(file) for file in files if not file.is_relative_to(house)]
assert not strangers, strangers
assert app.service.name == "{name}", app.service.name
assert app.service.says, "a service that says nothing"
print("alone")
"""


@pytest.mark.parametrize("name", ["intake", "scheduling", "progress", "notify"])
def test_a_service_boots_alone(tmp_path: Path, name: str) -> None:
    copied = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "contracts", tmp_path / "contracts", ignore=copied)
    (tmp_path / "services").mkdir()
    shutil.copy(ROOT / "services" / "__init__.py", tmp_path / "services")
    for room in ("chassis", name):
        shutil.copytree(ROOT / "services" / room, tmp_path / "services" / room, ignore=copied)
    bare = {key: value for key, value in os.environ.items() if not key.startswith(("HANDRAIL_", "PYTHON"))}

    started = subprocess.run(
        [sys.executable, "-c", LOOK.format(name=name), str(tmp_path)],
        cwd=tmp_path,
        env=bare | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert started.returncode == 0, started.stderr
    assert started.stdout == "alone\n"
