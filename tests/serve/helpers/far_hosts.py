"""A second host, whose link to this one can be cut: a network namespace, for root alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


def run_ip(*arguments: str) -> None:
    """Run `ip`."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class FarHost:
    """Another host, as far as networks go. It has two links to this one.

    Args:
        number: unlike those of others, below 250.

    Attributes:
        name: of its network namespace.
        here: this host's address on the link that can be cut.
        network: all addresses of that link.
        there: its own address, on the other link.
    """

    def __init__(self, number: int) -> None:
        self.name = f"gossamer{number}"
        self.here, self.network = f"10.213.{number}.1", f"10.213.{number}.0/24"
        self.there = f"10.214.{number}.2"
        self._links = (f"gsm{number}a", f"10.213.{number}"), (f"gsm{number}b", f"10.214.{number}")

    def make(self) -> None:
        """Make it, and its links."""
        run_ip("netns", "add", self.name)
        run_ip("-n", self.name, "link", "set", "lo", "up")
        for link, network in self._links:
            far = f"{link}-far"
            run_ip("link", "add", link, "type", "veth", "peer", "name", far)
            run_ip("link", "set", far, "netns", self.name)
            run_ip("addr", "add", f"{network}.1/24", "dev", link)
            run_ip("-n", self.name, "addr", "add", f"{network}.2/24", "dev", far)
            run_ip("-n", self.name, "link", "set", far, "up")
            run_ip("link", "set", link, "up")

    def cut(self) -> None:
        """Let nothing through the first link."""
        run_ip("link", "set", self._links[0][0], "down")

    def join(self) -> None:
        """Let all through again."""
        run_ip("link", "set", self._links[0][0], "up")

    def remove(self) -> None:
        """Remove it."""
        links = [("link", "del", link) for link, _ in self._links]
        for arguments in (*links, ("netns", "del", self.name)):
            subprocess.run(["ip", *arguments], check=False, capture_output=True)


@contextmanager
def far_host() -> Iterator[FarHost]:
    """A second host for a `with` block; the test is skipped where there can be none."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("a second host needs root and iproute2")
    host = FarHost(os.getpid() % 250)
    try:
        host.make()
    except subprocess.CalledProcessError as error:
        host.remove()
        pytest.skip(f"no network namespace can be made here: {error.stderr!r}")
    try:
        yield host
    finally:
        host.remove()
