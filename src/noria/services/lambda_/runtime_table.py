"""The runtimes that functions may name: a row each."""

from __future__ import annotations

from typing import Literal

import msgspec

Version = tuple[int, ...]


class Runtime(msgspec.Struct, frozen=True):
    """What runs a function. language: "" where its package brings the runtime along.

    version: of the interpreter, in as many numbers as count.
    """

    language: Literal["python", "nodejs", ""]
    version: Version = ()

    @property
    def title(self) -> str:
        """Its interpreter's name and version, for people."""
        return interpreter_title(self.language, self.version)


def interpreter_title(language: str, version: Version) -> str:
    names = {"python": "Python", "nodejs": "Node.js"}
    return f"{names[language]} {'.'.join(map(str, version))}"


RUNTIMES = {
    **{f"python3.{minor}": Runtime("python", (3, minor)) for minor in range(9, 15)},
    **{f"nodejs{major}.x": Runtime("nodejs", (major,)) for major in (20, 22, 24)},
    "provided.al2023": Runtime(""),  # an executable named bootstrap
}
SNAP_START = frozenset({"python3.12", "python3.13", "python3.14"})  # docs: "Improving startup performance"

# What AWS answers for a runtime that it does not have; the list is its own, in its order.
UNKNOWN_RUNTIME = (
    "Value {} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [nodejs20.x, "
    "python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, "
    "python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, "
    "dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2] or be a valid ARN"
)
AWS_RUNTIMES = frozenset(
    UNKNOWN_RUNTIME[UNKNOWN_RUNTIME.index("[") + 1 : UNKNOWN_RUNTIME.index("]")].split(", ")
)
