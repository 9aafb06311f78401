"""Parts in processes: the cores are shared, a failure is noted, and none outlives its parent."""

from __future__ import annotations

import os
from pathlib import Path

from starprobe.star.experiments.jobs import environment, last_line, run_jobs
from starprobe.star.experiments.unit import find

THREADS = "OMP_NUM_THREADS"


def test_jobs_share_the_cores_and_the_gpus() -> None:
    cores = os.cpu_count() or 1
    given = {"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "0,3"}
    made = [environment(given, slot, 2) for slot in range(3)]
    assert {one[THREADS] for one in made} == {str(max(1, cores // 2))}
    assert [one["CUDA_VISIBLE_DEVICES"] for one in made] == ["0", "3", "0"]
    assert environment(given, 0, 1) == given
    assert environment({THREADS: "5"}, 0, 2)[THREADS] == "5"


def test_a_part_that_fails_is_noted_with_its_one_line_and_the_others_go_on(tmp_path: Path) -> None:
    told: list[str] = []
    ends = run_jobs(["one", "two"], tmp_path, 2, lambda end: told.append(end.name))
    assert sorted(told) == ["one", "two"]
    assert [end.code for end in ends] == [2, 2]
    assert all("is no experiment: it has no experiment.json" in end.last_line for end in ends)
    assert last_line(tmp_path / "one" / "log.txt") == ends[0].last_line


def test_a_part_that_is_not_of_the_experiment_is_an_error(tmp_path: Path) -> None:
    import pytest

    from starprobe.bench.files import write_json
    from starprobe.probes.errors import InputError
    from starprobe.star.experiments import load_experiment

    write_json(tmp_path / "experiment.json", load_experiment("smollm2"))
    assert find(tmp_path, "star_paper/seed_1").star is not None
    assert find(tmp_path, "base").asked.models == ("smollm2",)
    with pytest.raises(InputError, match="no part 'star_paper/seed_9'"):
        find(tmp_path, "star_paper/seed_9")
