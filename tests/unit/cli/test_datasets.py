from __future__ import annotations

import json


def test_import_names_each_bad_line_and_loads_nothing(penstock, api, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("text\nfine\nBAD\n")
    done = penstock("datasets", "import", file)
    assert done.exit_code == 1
    assert done.stderr == "Error: Nothing was loaded.\n  line 3: expected 1 field\n"
    assert penstock("datasets", "import", file, "--skip-bad", "--name", "mine").exit_code == 0
    assert api.seen[-1].query == {"name": "mine", "format": "csv", "onBad": "skip", "mode": "create"}


def test_export_writes_the_file(penstock, api, tmp_path):
    target = tmp_path / "rows.csv"
    done = penstock("datasets", "export", "d1", target, "--json")
    assert json.loads(done.stdout) == {"file": str(target), "bytes": target.stat().st_size}


def test_the_suffix_must_tell_the_format(penstock, api, tmp_path):
    done = penstock("datasets", "export", "d1", tmp_path / "rows.xls")
    assert done.exit_code == 2
    assert "--format" in done.stderr
