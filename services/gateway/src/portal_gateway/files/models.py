"""The answer of /api/records/{pid}/files."""

from portal_shared.contracts.records import Availability, FileRole
from pydantic import BaseModel, Field


class FileView(BaseModel):
    """A file of a dataset."""

    location: str = Field(description="Folder and name: its path in the dataset")
    name: str
    folder: str = Field(description="Without slashes at its ends; empty: the dataset's own")
    role: FileRole = Field(description="What it is for")
    level: int | None = Field(description="Of role level; 0 is the finest")
    role_label: str
    bytes: int | None
    media_type: str
    format: str = Field(description="In words")
    sha256: str | None
    url: str | None = Field(description="Its own address; null if it cannot be downloaded here")
    availability: Availability | None = Field(
        description="Where it is now: ONLINE, ARCHIVED (on tape), …; null: not known"
    )


class RoleTotal(BaseModel):
    """Files and bytes of a role, or of a level."""

    role: str = Field(description="Value of the parameter role: data, level-0, …")
    label: str
    files: int
    bytes: int


class FolderTotal(BaseModel):
    """Files and bytes of a folder with all folders in it."""

    folder: str = Field(description="Value of the parameter folder")
    name: str
    files: int
    bytes: int


class FilePage(BaseModel):
    """A page of the files of a dataset, sorted by folder and name, with sums."""

    pid: str
    all_files: int = Field(description="Of the dataset, whatever is selected")
    all_bytes: int
    files: int = Field(description="That are selected")
    bytes: int
    page: int
    pages: int
    per_page: int
    name: str
    role: str | None
    folder: str
    role_label: str | None = Field(description="Of the selected role")
    rows: list[FileView]
    roles: list[RoleTotal] = Field(
        description="Of the files below the folder with the name; the selected role plays no part"
    )
    folders: list[FolderTotal] = Field(
        description="Directly in the selected folder, of the selected files"
    )
    folders_in_all: int = Field(description="More than are listed, if there are very many")
    direct_files: int = Field(description="Selected files that are in none of these folders")
    direct_bytes: int
