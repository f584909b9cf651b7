"""Fixtures of the lab's tests: they need a lab that is up and deployed, and say so when there is none."""

import pytest

from tests.lab import equipment, places, processes, ward


@pytest.fixture(scope="session", autouse=True)
def lab() -> None:
    if any(processes.pid(node.name) is None for node in places.NODES):
        pytest.exit("there is no lab: make lab-up first", returncode=2)


@pytest.fixture(scope="session")
def school(lab: None) -> ward.Founded:
    founded = ward.found()
    equipment.enrol(founded)
    return founded
