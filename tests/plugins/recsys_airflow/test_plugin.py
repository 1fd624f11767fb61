"""Airflow finds the plugin, and imports nothing else of its folder by itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]

CODE = """
import json, sys
from airflow import plugins_manager
found, errors = plugins_manager._get_plugins()
names = [plugin.name for plugin in found]
stray = [n for n in sys.modules if n in ("operators", "tasks", "page", "children", "run_date")]
print(json.dumps([names, errors, stray]))
"""


def test_airflow_registers_the_plugin_and_nothing_else() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": f"{REPOSITORY / 'include'}:{REPOSITORY / 'plugins'}"},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [["recsys_airflow"], {}, []]
