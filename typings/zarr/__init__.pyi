# zarr is typed, but where fsspec is not installed the types of stores are unknown.
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from zarr.abc.store import Store
from zarr.core.array import Array
from zarr.core.group import Group

def create_group(
    store: Store | Path, *, zarr_format: Literal[2, 3], attributes: Mapping[str, Any]
) -> Group: ...
def open_group(store: Store | Path, *, mode: Literal["r"]) -> Group: ...
def open_array(store: Store | Path, *, path: str = "", mode: Literal["r"]) -> Array[Any]: ...
