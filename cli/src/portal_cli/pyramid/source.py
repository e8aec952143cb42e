"""What a pyramid is made from: a volume that is read in boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Voxels: TypeAlias = NDArray[Any]
Triple: TypeAlias = tuple[int, int, int]
Box: TypeAlias = tuple[slice, slice, slice]  # z, y, x; with start and stop


class SourceFault(Exception):
    """A file of the source that cannot be used. `location` is its path below the folder."""

    def __init__(self, location: str, reason: str) -> None:
        super().__init__(f"{location}: {reason}")
        self.location = location
        self.reason = reason


class SourceFaults(Exception):
    """Several files of a source that cannot be used."""

    def __init__(self, faults: Sequence[SourceFault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


class Source(Protocol):
    """A volume with axes z, y, x. Its boxes can be read by several threads at once."""

    @property
    def shape(self) -> Triple: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def block(self) -> Triple:
        """Lengths of what is decoded at once: reading a part of it costs as much as all of it."""
        ...

    @property
    def block_bytes(self) -> int:
        """Memory that decoding one block takes."""
        ...

    def read(self, box: Box) -> Voxels:
        """Returns the voxels of a box. Raises SourceFault or SourceFaults for damaged files."""
        ...

    def close(self) -> None:
        """Closes the files that are open."""
        ...


@dataclass(frozen=True)
class ArraySource:
    """A volume that is in memory."""

    voxels: Voxels
    block: Triple = (64, 64, 64)
    block_bytes: int = 0

    @property
    def shape(self) -> Triple:
        z, y, x = self.voxels.shape
        return (z, y, x)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.voxels.dtype

    def read(self, box: Box) -> Voxels:
        return self.voxels[box]

    def close(self) -> None:
        """Nothing is open."""
