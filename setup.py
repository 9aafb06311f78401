"""Lays the top-level folders out as packages of one name, `starprobe`; all else: pyproject.toml."""

from setuptools import find_packages, setup

FOLDERS = ("probes", "bench", "star", "reports")

setup(
    packages=[
        "starprobe",
        *(
            f"starprobe.{name}"
            for name in find_packages(include=[*FOLDERS, *(f"{folder}.*" for folder in FOLDERS)])
        ),
    ],
    package_dir={"starprobe": "starprobe", **{f"starprobe.{name}": name for name in FOLDERS}},
)
